"""A search: words, filters, facets, order and a page, from one state of the index.

Hits, total and facets come from the same candidates. A cursor says: this revision, after this place. With
a field's order it lasts for ever and means the same in every process; by relevance it lasts as long as the
state of the index it belongs to is held, and is refused afterwards rather than answered wrongly.
"""

from __future__ import annotations

import binascii
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypedDict

from index import hierarchy
from index.choices import choices, lacking
from index.cursors import Place, close_cursor, close_place, open_cursor, open_place
from index.engines import (
    HISTOGRAMS,
    Collapse,
    Counts,
    Engine,
    FacetCount,
    HistogramCount,
    Hits,
    Members,
    Regrouped,
    Searched,
    Snapshot,
    Sort,
    Tombstones,
)
from index.entry import UP_FIELDS, VOCABULARIES, fold
from index.expand import Expansion, expand
from index.listing import Lists, Wanted, checked, listed
from index.loosen import Match, loosened
from index.moments import Moment, moment
from index.query import BadQuery, Note, Query, highlights, mentions, parse, read, unparse
from index.query.nodes import both
from index.record import Json
from index.store import Kept, Store

EVERYDAY: Collapse = "version"
"""What is one hit where nobody says; what is told beforehand to find so many must then find so many."""

LARGEST_PAGE = 100
SNIPPET_CHARACTERS = 240
FACET_VALUES = 10
LABELS_KEPT = 50_000

FacetMode: TypeAlias = Literal["disjunctive", "conjunctive"]
FACET_MODES: tuple[FacetMode, ...] = ("disjunctive", "conjunctive")
"""Whether a facet is counted without its own filter, so that it shows what else may be chosen, or with it."""


class Behind(Exception):  # the name says what is wrong
    """The index has not come to the revision that is asked for; it is being brought up to date."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to know."""

    words: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facets: tuple[str, ...] = ()
    sort: Sort | None = None
    size: int = 20
    cursor: str | None = None
    facet_size: int = FACET_VALUES
    withdrawn: Tombstones = "exclude"
    expand: bool = True
    """Also look for what the words mean besides what they say; what it was is in the answer."""
    as_of: str | None = None
    """A day, a time or a revision: answer what the node held then."""
    match: Match = "all"
    collapse: Collapse = "none"
    facet_mode: FacetMode = "disjunctive"
    histograms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One record found, with why."""

    kept: Kept
    score: float | None
    snippet: str | None
    """Part of the description, HTML-escaped, with <mark> around the words found."""
    title: str | None
    """The title, marked likewise; None when no word is in it."""
    members: int | None = None
    """How many records of its group match; None where every record is a hit."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet: how to ask for it, how to show it, and how many hits have it."""

    value: str
    label: str
    count: int
    parents: tuple[str, ...] = ()
    """What stands directly above it, in a hierarchy."""
    children: int | None = None
    """How many values stand directly below it among the hits, where that was counted."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field among the hits."""

    values: tuple[FacetValue, ...]
    missing: int
    other: int | None
    """What the values that are not listed add up to; None where groups count and they are too many."""


@dataclass(frozen=True, slots=True)
class FacetPage:
    """Some values of a facet, in the order of all of them."""

    values: tuple[FacetValue, ...]
    missing: int
    next: str | None
    snapshot: int
    as_of: Moment | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found."""

    total: int
    hits: tuple[Hit, ...]
    facets: Mapping[str, Facet]
    next: str | None
    snapshot: int
    """The revision that was searched."""
    as_of: Moment | None = None
    """The past that was asked for."""
    understood: str = "*"
    """The words as they were read, written in one form."""
    notes: tuple[Note, ...] = ()
    """What in the words may have been meant otherwise."""
    expanded: tuple[Expansion, ...] = ()
    """What was looked for besides the words."""
    histograms: Mapping[str, HistogramCount] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    """Facets and histograms for which there was no time: the answer is partial, but what it says is exact."""
    searched: Searched | None = None
    """How much of the index was searched, where there was no time for all of it: hits and total are of that,
    every record is a hit, and there is no further page."""


class Catalogue:
    """A store and its engine, to be asked from many threads."""

    def __init__(self, store: Store, engine: Engine, seconds: float | None = None) -> None:
        """Open.

        Args:
            store: the truth.
            engine: the index.
            seconds: after which a search begins no further count and no further shard; None for no limit.
        """
        self.store, self.engine, self.seconds = store, engine, seconds
        self._lists = Lists()
        self._labels: OrderedDict[tuple[str, str], str] = OrderedDict()

    def search(self, request: Request) -> Answer:
        """Search.

        Raises:
            BadQuery: a filter, facet or cursor that cannot be understood.
            Behind: the past that is asked for is not indexed yet.
            SnapshotGone: a relevance cursor whose index state is gone; the search must start again.
        """
        if not 0 <= request.size <= LARGEST_PAGE:
            raise BadQuery(f"size={request.size} must be 0 to {LARGEST_PAGE}; more than that is an export")
        reading, chosen = read(request.words), choices(request.filters)
        words, expanded = meant(reading.query, request)
        query = chosen.query(words)
        sort = request.sort or ("newest" if next(highlights(query), None) is None else "relevance")
        print_ = _print_of(query, request)
        cursor = open_cursor(request.cursor, sort, print_)
        as_of = self.past(request.as_of) if request.as_of else None
        snapshot = self.engine.snapshot(cursor.position.state if cursor else None)
        at = cursor.revision if cursor else _revision(snapshot, as_of)
        counted = (*request.facets, *request.histograms) if request.facet_mode == "disjunctive" else ()
        shown = list[Hit]()

        def seen(hits: Hits, members: Members) -> None:
            shown.extend(self._hits(snapshot, query, hits, members))

        found = snapshot.search(
            query,
            at=at,
            sort=sort,
            size=request.size or 1,  # the engine cannot be asked for none
            after=cursor.position if cursor else None,
            facets=request.facets,
            facet_size=request.facet_size,
            withdrawn=tombstones(request.withdrawn, query),
            collapse=request.collapse,
            counts=Counts(
                request.facets,
                request.facet_size,
                request.histograms,
                chosen.apart(words, counted),
                None if self.seconds is None else time.monotonic() + self.seconds,
            ),
            seen=seen if request.size else None,
        )
        return Answer(
            found.total,
            tuple(shown),
            {name: self._facet(snapshot, name, count) for name, count in found.facets.items()},
            close_cursor(found.next, at, sort, print_) if request.size else None,
            at,
            as_of,
            unparse(reading.query),
            reading.notes,
            expanded,
            found.histograms,
            found.uncounted,
            found.searched,
        )

    def total(self, request: Request, at: int | None = None) -> int:
        """Count what a search finds, now or at a revision, and nothing else.

        Raises:
            BadQuery: words or a filter that cannot be understood.
        """
        query, snapshot = searched_for(request), self.engine.snapshot()
        withdrawn = tombstones(request.withdrawn, query)
        at = snapshot.revision if at is None else at
        return snapshot.total(query, at=at, withdrawn=withdrawn, collapse=request.collapse)

    def facet(self, request: Request, wanted: Wanted) -> FacetPage:
        """List the values of a facet, page by page to the end; size and order of the request do not matter.

        Raises:
            BadQuery: a filter, facet, parent or cursor that cannot be understood.
            Behind: the past that is asked for is not indexed yet.
            Regrouped: the cursor belongs to other groups; the list must start again.
        """
        of = checked(wanted)
        (words, _), chosen = meant(parse(request.words), request), choices(request.filters)
        query = chosen.query(words, of.field if request.facet_mode == "disjunctive" else None)
        withdrawn = tombstones(request.withdrawn, query)
        name = query, withdrawn, request.collapse, request.as_of, of.field, of.prefix, of.parent
        print_ = binascii.crc32(repr(name).encode())
        as_of = self.past(request.as_of) if request.as_of else None
        snapshot = self.engine.snapshot()
        place = open_place(of.cursor, print_)
        at = place.revision if place else _revision(snapshot, as_of)
        choice: _Choice = {"at": at, "withdrawn": withdrawn, "collapse": request.collapse}
        grouping = snapshot.grouping(query, **choice)
        if place and place.grouping != grouping:
            raise Regrouped(place.grouping)
        page = self._lists.of(
            (at, grouping, *name),
            lambda: listed(
                of,
                lambda prefix: snapshot.values(query, field=of.field, prefix=prefix, **choice),
                lambda: snapshot.above(query, field=of.field, **choice),
                lambda value: self.label(snapshot, of.field, value),
            ),
        )
        found = page.after(place.last if place else None, of.size)
        shown = tuple(
            self._value(snapshot, of.field, value, count, page.below.get(value))
            for value, count in found[: of.size]
        )
        none = both((query, lacking(of.field)))
        missing = snapshot.search(none, sort="newest", size=1, after=None, facets=(), facet_size=1, **choice)
        more = len(found) > of.size
        following = close_place(Place(at, grouping, found[of.size - 1]), print_) if more else None
        return FacetPage(shown, missing.total, following, at, as_of)

    def past(self, asked: str) -> Moment:
        """Find the moment asked for. What was not indexed yet cannot be told from what was never held.

        Raises:
            BadQuery: the moment cannot be understood or lies ahead.
            Behind: it is not indexed yet.
        """
        as_of = moment(self.store, asked)
        reached = self.engine.revision()
        if as_of.revision > reached and not as_of.is_now:
            message = f"the index has come to revision {reached}, not yet to {as_of.revision}; try again soon"
            raise Behind(message)
        return as_of

    def _hits(self, snapshot: Snapshot, query: Query, hits: Hits, members: Members) -> tuple[Hit, ...]:
        kept = self.store.fetch([(rid, revision) for rid, revision, _ in hits])
        present = [
            (kept[rid, revision], score, count)
            for (rid, revision, score), count in zip(hits, members or (None,) * len(hits), strict=True)
            if (rid, revision) in kept
        ]
        texts = [version.stored for version, _, _ in present]
        snippets = snapshot.snippets(
            query, [text.get("description", "") for text in texts], SNIPPET_CHARACTERS
        )
        titles = snapshot.snippets(query, [text.get("title", "") for text in texts], 1000)
        return tuple(
            Hit(version, score, snippet, title, count)
            for (version, score, count), snippet, title in zip(present, snippets, titles, strict=True)
        )

    def _facet(self, snapshot: Snapshot, name: str, count: FacetCount) -> Facet:
        values = tuple(self._value(snapshot, name, value, hits) for value, hits in count.values)
        return Facet(values, count.missing, count.other)

    def _value(
        self, snapshot: Snapshot, name: str, value: str, count: int, below: int | None = None
    ) -> FacetValue:
        above = hierarchy.parents(name, value) if name in UP_FIELDS else ()
        return FacetValue(value, self.label(snapshot, name, value), count, above, below)

    def label(self, snapshot: Snapshot, field_: str, value: str) -> str:
        """Say how to show a token: by the vocabulary, or as the first record with it writes it."""
        if field_ in VOCABULARIES:
            known = VOCABULARIES[field_].label(value)
            if known is not None:
                return known
        if field_ in {"source", "year", "access", "format"}:
            return value
        key = field_, value
        if key not in self._labels:
            self._labels[key] = self._written(snapshot, field_, value)
            if len(self._labels) > LABELS_KEPT:
                self._labels.popitem(last=False)
        return self._labels[key]

    def _written(self, snapshot: Snapshot, field_: str, value: str) -> str:
        place = snapshot.one(field_, value)
        kept = self.store.fetch([place]).get(place) if place else None
        if kept is None:
            return value
        return next((text for text in _spellings(field_, kept.stored) if fold(text) == fold(value)), value)


def meant(words: Query, request: Request) -> tuple[Query, tuple[Expansion, ...]]:
    """Answer what the words are taken to look for, loosened and expanded as asked."""
    words = loosened(words, request.match)
    return expand(words) if request.expand else (words, ())


def searched_for(request: Request) -> Query:
    """Answer all of what a request looks for: its words as they are taken, and its filters."""
    words, _ = meant(parse(request.words), request)
    return restricted(words, request.filters)


def restricted(query: Query, asked: Mapping[str, Sequence[str]]) -> Query:
    """Add filters to a query; they must hold however loosely the words are matched."""
    return choices(asked).query(query)


def tombstones(asked: Tombstones, query: Query) -> Tombstones:
    """Look among tombstones as well where the query itself says which it means, by is:withdrawn."""
    return "include" if asked == "exclude" and mentions(query, "aside") else asked


def histograms(asked: Sequence[str]) -> tuple[str, ...]:
    """Read the histograms asked for.

    Raises:
        BadQuery: one there is not.
    """
    names = [name.strip() for value in asked for name in value.split(",") if name.strip()]
    for name in names:
        if name not in (*HISTOGRAMS, "all"):
            raise BadQuery(f"no histogram of {name!r}; there are {', '.join(HISTOGRAMS)}, and all")
    return HISTOGRAMS if "all" in names else tuple(dict.fromkeys(names))


def _revision(snapshot: Snapshot, as_of: Moment | None) -> int:
    """Answer the revision to search at."""
    return snapshot.revision if as_of is None or as_of.is_now else as_of.revision


def _spellings(field_: str, record: Json) -> list[str]:
    """List how a record writes its values of a field."""
    license_, people = record.get("license") or {}, record.get("creators", ())
    subjects = [subject["label"] for subject in record.get("subjects", ())]
    written: dict[str, list[str | None]] = {
        "kind": [record.get("kind", "Dataset")],
        "license": [license_.get("spdx"), license_.get("name"), license_.get("url")],
        "funder": [grant.get("funder") for grant in record.get("funding", ())],
        "creator": [person["name"] for person in people],
        "affiliation": [place["name"] for person in people for place in person.get("affiliations", ())],
        "organism": [term["label"] for term in record.get("organisms", ())],
        "imaging_method": [term["label"] for term in record.get("imaging_methods", ())],
        "keyword": [*record.get("keywords", ()), *subjects],
    }
    return [text for text in written[field_] if text]


def _print_of(query: Query, request: Request) -> int:
    return binascii.crc32(repr((query, request.withdrawn, request.as_of, request.collapse)).encode())


class _Choice(TypedDict):
    """What decides which versions are candidates, besides the query."""

    at: int
    withdrawn: Tombstones
    collapse: Collapse
