"""Records like another one: those that share its rarest terms.

What counts is exact: the sum, over the terms both have, of how rare each is (log(1 + records / records with
the term)); ties go by the order of the index. Terms are looked for rarest first until together a hundred
thousand records have them, so that the time is bounded whatever the record. Versions and copies of the
record itself are left out where they are known: they are shown as its family.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from index.engines.help import Trait, Weighed
from index.query import Between, OneOf, Query
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

_WORD = re.compile(r"[^\W\d_][\w-]{3,}")
_FAMILY = {"IsVersionOf", "HasVersion", "IsNewVersionOf", "IsPreviousVersionOf", "IsIdenticalTo"}


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
    found = snapshot.help.alike(weighed, list(_kin(own, kept.stored)), size)
    present = catalogue.store.fetch([place for place, _ in found])
    return [
        Similar(present[place], score, tuple(_shared(catalogue, weighed, present[place]))[:SHARED_SHOWN])
        for place, score in found
        if place in present
    ]


def _traits(own: Json, record: Json) -> Iterator[Trait]:
    """Yield what a record has that others may have too."""
    for field in SAYING:
        yield from (Trait(field, token) for token in own[field])
    for word in dict.fromkeys(_WORD.findall((record.get("title") or "").casefold())):
        yield Trait("title", word)
    for word in dict.fromkeys(_WORD.findall((record.get("description") or "")[:DESCRIBING].casefold())):
        yield Trait("text", word)


def _kin(own: Json, record: Json) -> Iterator[Query]:
    """Yield what tells the record itself, its versions and its copies."""
    yield Between("rid", own["rid"], own["rid"])
    if "family" in own:
        yield Between("family", own["family"], own["family"])
    related = [each["id"].lower() for each in record.get("related", ()) if each.get("relation") in _FAMILY]
    names = [name for name in (record.get("doi"), record.get("concept_doi"), *related) if name]
    if names:
        yield OneOf("identifier", tuple(dict.fromkeys(names)))


def _shared(catalogue: Catalogue, weighed: list[Weighed], other: Kept) -> Iterator[Shared]:
    """Yield the terms that another record has too."""
    snapshot = catalogue.engine.snapshot()
    has = entry(other)
    for each in weighed:
        field, token = each.trait.field, each.trait.token
        if field in SAYING:
            if token in has[field]:
                yield Shared(field, catalogue.label(snapshot, field, token), each.records)
        elif any(token in snapshot.help.stems(text) for text in has[field]):
            yield Shared(field, token, each.records)
