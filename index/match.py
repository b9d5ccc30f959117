"""Which records are meant: a DOI, an accession, an ORCID iD, an address or a title, one of many.

Every match says why and how sure. What bears an identifier is meant by it (1.0); what points at it, as a data
set points at its paper, is near (0.8). A title that is equal but for case, accents and punctuation is 0.95;
one that shares most of its rarer words is less, and never above 0.9. Where several records are as good,
each is less sure than one alone would be, since at most one of them was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import sqlalchemy as sa

from index import tables as t
from index.engines.help import Help, Trait
from index.query import OneOf
from index.search import Catalogue
from index.store import Kept
from index.values import addresses, identifiers

Meaning: TypeAlias = Literal["id", "doi", "orcid", "pmid", "pmcid", "accession", "url", "title", "nothing"]

Named = TypeVar("Named")

BEARS, POINTS, EQUAL, LIKE, WROTE = 1.0, 0.8, 0.95, 0.9, 0.5
CERTAIN = 0.9
"""From here on a lone match is taken without a person looking."""
TIED = 0.1
"""Taken off where others are as good."""
LEAST = 0.5
"""Of the words of two titles that must agree, or they are not alike."""
LOOKED_AT = 10
"""Records whose titles are compared."""
TERMS, POSTINGS = 12, 20_000
"""Words of a title that are looked for, rarest first: some 5 ms a title at a million records."""
LONGEST = 2_000
"""Characters of one row."""

_PMID = re.compile(r"pmid:?\s*\d+|https?://(?:www\.)?(?:ncbi|pubmed)\S+/\d+/?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """One row."""

    text: str
    hints: Mapping[str, str]
    """What else is known: `creator`, `year`, `source`; each that agrees makes a title surer."""


@dataclass(frozen=True, slots=True)
class Match:
    """A record that may be meant."""

    kept: Kept
    why: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Matched:
    """What one row means."""

    meaning: Meaning
    value: str
    """What was looked for, in its normal form."""
    matches: tuple[Match, ...]
    total: int
    """Records found; `matches` holds the best."""

    @property
    def is_certain(self) -> bool:
        """Whether one record is meant beyond doubt."""
        return bool(self.matches) and self.matches[0].confidence >= CERTAIN and len(self._best()) == 1

    def _best(self) -> list[Match]:
        return [each for each in self.matches if each.confidence == self.matches[0].confidence]


class Matcher:
    """Matches rows against a catalogue; to be asked from many threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue, self.store = catalogue, catalogue.store

    def match(self, asked: Asked, size: int = 3) -> Matched:
        """Match one row.

        Args:
            asked: the row; an address is searched for a DOI, an accession or the number of a record.
            size: list at most so many.
        """
        text = asked.text.strip()[:LONGEST]
        if not text:
            return Matched("nothing", "", (), 0)
        kept = self.store.get(text)
        if kept is not None:
            return Matched("id", kept.id, (Match(kept, "is its id here", BEARS),), 1)
        meaning, value = meant(text)
        if meaning == "orcid":
            return self._of_person(value, size)
        if meaning not in {"title", "url"}:
            return self._of_identifier(meaning, value, size)
        return self._of_address(value, size) if meaning == "url" else self._of_title(asked, value, size)

    def _of_identifier(self, meaning: Meaning, value: str, size: int) -> Matched:
        bearers = self.store.by_identifier(value)
        pointers = [(rid, how) for rid, how in self._pointing(value) if rid not in set(bearers)]
        whys = [(rid, f"bears this {meaning}", BEARS) for rid in bearers]
        whys += [(rid, f"points at this {meaning} ({how})", POINTS) for rid, how in pointers]
        best = _shared_out(whys[: size * 4])
        found = [
            Match(kept, why, sure)
            for rid, why, sure in best
            if (kept := self.store.get_number(rid)) and kept.state == "current"
        ]
        return Matched(meaning, value, tuple(found[:size]), len(whys))

    def _pointing(self, value: str) -> list[tuple[int, str]]:
        query = (
            sa.select(t.links.c.rid, sa.func.min(t.links.c.relation))
            .where(t.links.c.value.in_({value, value.lower()}))
            .group_by(t.links.c.rid)
            .order_by(t.links.c.rid)
        )
        with self.store.reading() as connection:
            return [(int(rid), str(how)) for rid, how in connection.execute(query)]

    def _of_person(self, value: str, size: int) -> Matched:
        snapshot = self.catalogue.engine.snapshot()
        query = OneOf("creator_id", (value,))
        total = snapshot.total(query, at=snapshot.revision)
        places = snapshot.help.recent(query, after=0, before=None, size=size, latest_first=True)
        found = self.store.fetch(places)
        matches = (Match(found[place], "is by this person", WROTE) for place in places if place in found)
        return Matched("orcid", value, tuple(matches), total)

    def _of_address(self, url: str, size: int) -> Matched:
        """Find who has this page: by its address, however it is written, or by what pages say they cite."""
        snapshot = self.catalogue.engine.snapshot()
        found: list[tuple[Kept, str, float]] = []
        total = 0
        for field, why, sure in (
            ("identifier", "has this page", BEARS),
            ("linked", "points at this page", POINTS),
        ):
            query = OneOf(field, (url,))
            total += snapshot.total(query, at=snapshot.revision)
            places = snapshot.help.recent(query, after=0, before=None, size=size, latest_first=True)
            held = self.store.fetch(places)
            known = {kept.id for kept, *_ in found}
            found += [
                (held[place], why, sure) for place in places if place in held and held[place].id not in known
            ]
        matches = tuple(Match(*each) for each in _shared_out(found)[:size])
        return Matched("url", url, matches, total)

    def _of_title(self, asked: Asked, title: str, size: int) -> Matched:
        help_ = self.catalogue.engine.snapshot().help
        weighed = help_.weigh([Trait("title", word) for word in help_.words(title)], TERMS, POSTINGS, least=1)
        places = [place for place, _ in help_.alike(weighed, (), LOOKED_AT)]
        found = self.store.fetch(places)
        judged = [(kept, *_alike(help_, title, kept)) for kept in found.values()]
        near = [(kept, why, _hinted(asked.hints, kept, sure)) for kept, why, sure in judged if sure >= LEAST]
        near.sort(key=lambda each: (-each[2], each[0].id))
        return Matched("title", title, tuple(Match(*each) for each in _shared_out(near)[:size]), len(near))


def meant(text: str) -> tuple[Meaning, str]:
    """Tell what a row is: its meaning and its normal form."""
    found = _identifier(text)
    if found is not None:
        return found
    value = addresses.identifier(text) if addresses.address(text) is not None else None
    if value is None:
        return "title", text
    # An address that holds an identifier, as a repository's or a publisher's page does, means that one.
    return _identifier(value) or ("url", value)


def _identifier(text: str) -> tuple[Meaning, str] | None:
    if _PMID.fullmatch(text):
        value, _reason = identifiers.pmid("".join(text.split()))
        return ("pmid", value) if value else None
    found = identifiers.sniff(text)
    if found is None:
        return None
    scheme, value = found
    known: dict[str, Meaning] = {"doi": "doi", "orcid": "orcid", "pmcid": "pmcid"}
    return known.get(scheme, "accession"), value


def _alike(help_: Help, title: str, kept: Kept) -> tuple[str, float]:
    """Compare titles by their words: equal, or how many of all words both have."""
    one, other = help_.words(title), help_.words(kept.stored.get("title") or "")
    if one == other:
        return "has this title", EQUAL
    both = set(one) & set(other)
    share = len(both) / max(1, len(set(one) | set(other)))
    return f"has {len(both)} of {len(set(one))} words of this title", round(share * LIKE, 3)


def _hinted(hints: Mapping[str, str], kept: Kept, sure: float) -> float:
    """Make a match surer by what else agrees, and less sure by what does not."""
    record = kept.stored
    known = {
        "year": [((record.get("dates") or {}).get("published") or "")[:4]],
        "source": [record["source"]],
        "creator": [person["name"] for person in record.get("creators", ())],
    }
    for name, value in hints.items():
        words = set(re.findall(r"\w+", value.casefold()))
        agrees = any(words & set(re.findall(r"\w+", text.casefold())) for text in known[name] if text)
        if any(known[name]) and words:
            sure = sure + (1 - sure) * 0.3 if agrees else sure * 0.8
    return round(sure, 3)


def _shared_out(found: Sequence[tuple[Named, str, float]]) -> list[tuple[Named, str, float]]:
    """Take a little off the confidence where several are as good: at most one was meant."""
    top = max((sure for *_, sure in found), default=0.0)
    others = sum(sure == top for *_, sure in found) - 1
    if others < 1:
        return list(found)
    return [
        (what, f"{why}, as {others} more", round(sure - TIED, 3)) if sure == top else (what, why, sure)
        for what, why, sure in found
    ]
