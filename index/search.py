"""A search: words, filters, facets, order and a page, from one state of the index.

Hits, total and facets come from the same candidates. A cursor says: this revision, after this place. With
a field's order it lasts for ever and means the same in every process; by relevance it lasts as long as the
state of the index it belongs to is held, and is refused afterwards rather than answered wrongly.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from index.engines import Engine, FacetCount, Found, Position, Snapshot, Sort, Tombstones
from index.entry import fold
from index.loosen import Match, loosened
from index.moments import Moment, moment
from index.query import BadQuery, Note, Query, filters, highlights, mentions, parse, read, unparse
from index.query.nodes import both
from index.record import Json
from index.store import Kept, Store
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS

LARGEST_PAGE = 100
SNIPPET_CHARACTERS = 240
FACET_VALUES = 10
LABELS_KEPT = 50_000


class BadCursor(BadQuery):
    """A cursor that was not made by this node, or belongs to another search."""


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
    as_of: str | None = None
    """A day, a time or a revision: answer what the node held then."""
    match: Match = "all"


@dataclass(frozen=True, slots=True)
class Hit:
    """One record found, with why."""

    kept: Kept
    score: float | None
    snippet: str | None
    """Part of the description, HTML-escaped, with <mark> around the words found."""
    title: str | None
    """The title, marked likewise; None when no word is in it."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet: how to ask for it, how to show it, and how many hits have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field among the hits."""

    values: tuple[FacetValue, ...]
    missing: int
    other: int


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


class Catalogue:
    """A store and its engine, to be asked from many threads."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self.store, self.engine = store, engine
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
        reading = read(request.words)
        query = restricted(loosened(reading.query, request.match), request.filters)
        sort = request.sort or ("newest" if next(highlights(query), None) is None else "relevance")
        print_ = _print_of(query, request)
        cursor = _open_cursor(request.cursor, sort, print_)
        as_of = self.past(request.as_of) if request.as_of else None
        snapshot = self.engine.snapshot(cursor.position.state if cursor else None)
        past = as_of.revision if as_of and not as_of.is_now else None
        at = cursor.revision if cursor else snapshot.revision if past is None else past
        found = snapshot.search(
            query,
            at=at,
            sort=sort,
            size=request.size or 1,  # the engine cannot be asked for none
            after=cursor.position if cursor else None,
            facets=request.facets,
            facet_size=request.facet_size,
            withdrawn=tombstones(request.withdrawn, query),
        )
        counts_only = request.size == 0
        return Answer(
            found.total,
            () if counts_only else self._hits(snapshot, query, found),
            {name: self._facet(snapshot, name, count) for name, count in found.facets.items()},
            None if counts_only else _close_cursor(found.next, at, sort, print_),
            at,
            as_of,
            unparse(reading.query),
            reading.notes,
        )

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

    def _hits(self, snapshot: Snapshot, query: Query, found: Found) -> tuple[Hit, ...]:
        kept = self.store.fetch([(rid, revision) for rid, revision, _ in found.hits])
        present = [
            (kept[rid, revision], score) for rid, revision, score in found.hits if (rid, revision) in kept
        ]
        texts = [version.stored for version, _ in present]
        snippets = snapshot.snippets(
            query, [text.get("description", "") for text in texts], SNIPPET_CHARACTERS
        )
        titles = snapshot.snippets(query, [text.get("title", "") for text in texts], 1000)
        return tuple(
            Hit(version, score, snippet, title)
            for (version, score), snippet, title in zip(present, snippets, titles, strict=True)
        )

    def _facet(self, snapshot: Snapshot, name: str, count: FacetCount) -> Facet:
        values = tuple(
            FacetValue(value, self.label(snapshot, name, value), hits) for value, hits in count.values
        )
        return Facet(values, count.missing, count.other)

    def label(self, snapshot: Snapshot, field_: str, value: str) -> str:
        """Say how to show a token: by the vocabulary, or as the first record with it writes it."""
        if field_ in {"organism", "imaging_method"}:
            vocabulary = ORGANISMS if field_ == "organism" else IMAGING_METHODS
            known = vocabulary.label(value)
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


def compose(words: str, asked: Mapping[str, Sequence[str]], match: Match = "all") -> Query:
    """Join words and filters; filters must hold however loosely the words are matched."""
    return restricted(loosened(parse(words), match), asked)


def restricted(query: Query, asked: Mapping[str, Sequence[str]]) -> Query:
    """Add filters to a query."""
    return both([query, *filters(asked)])


def tombstones(asked: Tombstones, query: Query) -> Tombstones:
    """Look among tombstones as well where the query itself says which it means, by is:withdrawn."""
    return "include" if asked == "exclude" and mentions(query, "aside") else asked


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


@dataclass(frozen=True, slots=True)
class _Cursor:
    revision: int
    position: Position


def _close_cursor(position: Position | None, revision: int, sort: Sort, print_: int) -> str | None:
    if position is None:
        return None
    body = orjson.dumps([revision, position.after, position.state, sort, print_])
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def _open_cursor(text: str | None, sort: Sort, print_: int) -> _Cursor | None:
    if not text:
        return None
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        revision, after, state, *made_for = orjson.loads(body)
        cursor = _Cursor(int(revision), Position(int(after), state))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadCursor("this is no cursor of ours; take `next` from an answer as it is") from error
    if made_for != [sort, print_]:
        message = "the cursor belongs to another search; all that is asked must stay the same but for size"
        raise BadCursor(message)
    return cursor


def _print_of(query: Query, request: Request) -> int:
    return binascii.crc32(repr((query, request.withdrawn, request.as_of)).encode())
