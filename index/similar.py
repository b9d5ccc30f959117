"""Records like another one: those that share its rarest terms.

What counts is exact: the sum, over the terms both have, of how rare each is (log(1 + records / records with
the term)); ties go by the order of the index. Terms are looked for rarest first until together a hundred
thousand records have them, so that the time is bounded whatever the record. Versions and copies of the
record itself are left out: they are its family.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from index.engines.help import Help, Trait, Weighed
from index.families import layer
from index.query import Between
from index.record import Json
from index.search import Catalogue
from index.store import Kept
from index.sync import entry

TERMS, POSTINGS = 25, 100_000
"""Terms looked for, and records that have them: some 20 ms at a million records."""
SHARED_SHOWN = 8
DESCRIBING = 2_000
"""Characters of a description that are looked at; what follows is methods and thanks."""

SAYING = ("organism", "imaging_method", "keyword", "creator", "funder")
"""Fields whose values say what a data set is about or where it comes from."""

WORDY = ("title", "text")
"""Fields whose words say so."""

_WORD = re.compile(r"[^\W\d_][\w-]{3,}")
_SAYS_NOTHING = frozenset({
    "about", "after", "along", "among", "also", "been", "before", "being", "between", "both",
    "could", "does", "done", "during", "each", "either", "from", "further", "given", "have",
    "having", "here", "however", "into", "itself", "made", "make", "many", "more", "most", "much",
    "near", "only", "other", "over", "part", "same", "several", "shown", "since", "some", "such",
    "than", "that", "their", "them", "then", "there", "these", "they", "this", "those", "through",
    "thus", "under", "until", "upon", "used", "using", "very", "well", "were", "what", "when",
    "where", "whether", "which", "while", "whose", "will", "with", "within", "without", "would",
    "your",
})  # fmt: skip
"""Words of four letters and more that any description may have; on a small node they are rare as well."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A term two records have in common."""

    field: str
    value: str
    records: int
    """That have it."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A record like another one."""

    kept: Kept
    score: float
    shared: tuple[Shared, ...]
    """The rarest first."""


def similar(catalogue: Catalogue, kept: Kept, size: int) -> list[Similar]:
    """List the records most like one, best first."""
    snapshot = catalogue.engine.snapshot()
    own = entry(kept)
    weighed = snapshot.help.weigh(list(_traits(own, kept.stored)), TERMS, POSTINGS)
    with catalogue.store.reading() as connection:
        kin = layer.kin_of(connection, [kept.rid]).get(kept.rid) or layer.alone(kept.rid)
    # A record alone has its own number as its family, so this leaves the record itself out as well.
    found = snapshot.help.alike(weighed, [Between("family", kin.family, kin.family)], size)
    present = catalogue.store.fetch([place for place, _ in found])
    spoken = _spoken(snapshot.help, kept.stored)
    return [
        Similar(kept_, score, tuple(_shared(catalogue, weighed, kept_, spoken))[:SHARED_SHOWN])
        for place, score in found
        if (kept_ := present.get(place)) is not None
    ]


def _words(text: str | None) -> list[str]:
    """List words that say something, each once."""
    found = dict.fromkeys(_WORD.findall((text or "").casefold()))
    return [word for word in found if word not in _SAYS_NOTHING]


def _described(record: Json) -> str:
    return (record.get("description") or "")[:DESCRIBING]


def _traits(own: Json, record: Json) -> Iterator[Trait]:
    """Yield what a record has that others may have too."""
    for field in SAYING:
        yield from (Trait(field, token) for token in own[field])
    yield from (Trait("title", word) for word in _words(record.get("title")))
    yield from (Trait("text", word) for word in _words(_described(record)))


def _spoken(help_: Help, record: Json) -> dict[str, str]:
    """Answer stems as the record itself writes them: nobody knows "chromosom"."""
    words = (*_words(record.get("title")), *_words(_described(record)))
    return {stem: word for word in reversed(words) for stem in help_.stems(word)}


def _shared(
    catalogue: Catalogue, weighed: list[Weighed], other: Kept, spoken: Mapping[str, str]
) -> Iterator[Shared]:
    """Yield the terms that another record has too; a word of both titles and texts once."""
    snapshot = catalogue.engine.snapshot()
    has = entry(other)
    stems = {field: {stem for text in has[field] for stem in snapshot.help.stems(text)} for field in WORDY}
    told = set()
    for each in weighed:
        field, token = each.trait.field, each.trait.token
        if field in SAYING:
            if token in has[field]:
                yield Shared(field, catalogue.label(snapshot, field, token), each.records)
        elif token in stems[field] and token not in told:
            told.add(token)
            yield Shared(field, spoken.get(token, token), each.records)
