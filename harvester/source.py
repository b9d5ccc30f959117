"""What a source must be: a module with a card, its assumptions, what it ignores, and five functions.

    card                      what the source says about itself
    assumptions               what it counts on; `headwater harvest --probe` checks it
    ignored                   what it leaves out on purpose, and why
    pages(fetch, ask)         ask the upstream; yield pages, each with the bookmark after it
    documents(body)           split one upstream answer into documents, verbatim
    read(document)            turn a document into a record; pure
    told(document)            all that a document tells, whether it is mapped or not; pure
    gone(fetch, upstream_id)  ask whether one document was withdrawn

There is no base class. The registry is typed `tuple[Source, ...]`, so a module of the wrong shape fails
the type check. A source's docstring opens with four words: Asked, Changes, Deleted, Quirks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import orjson

from config.timetable import Word
from harvester.errors import Unavailable
from harvester.fields import Notes, unmapped
from harvester.paths import Told
from index.record import Record, Withdrawal

Scope: TypeAlias = Literal["imaging", "everything"]
Expect: TypeAlias = Literal["json", "xml", "gzip", "text", "any"]


@dataclass(frozen=True, slots=True)
class Counter:
    """A place that tells how much an upstream holds, in one request."""

    by: str
    """Who counts: the upstream itself, or DataCite, EBI Search ..."""
    url: str
    path: str
    """Where the number stands in the JSON, such as "meta.total"."""
    counts: str
    """What is counted, in a few words."""
    own_of: tuple[Scope, ...] = ()
    """Scopes of which the upstream itself counts here what a harvest lists; none where others count."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a source says about itself. Each "no" carries its reason."""

    name: str
    title: str
    homepage: str
    hosts: tuple[str, ...]
    """Hosts this source may ask; the first one is the upstream's own."""
    scopes: tuple[Scope, ...]
    """Scopes it can harvest; the first is the default."""
    license_note: str
    """The upstream's terms for its metadata, in a few words."""
    incremental: str
    """How changes are found, or "no: " and why not."""
    deletions: str
    """How withdrawals are found, or "no: " and why not."""
    at_least: int
    """A complete harvest that holds fewer documents than this is not believed."""
    pace: float
    """Seconds between two requests to one host."""
    pace_from: str
    """Where the pace comes from: a published limit, or our own choice."""
    schedule: Word
    """How often a harvest is due, unless the operator says otherwise."""
    mapping_version: int
    """Raised when `read` changes what it answers."""
    absent_means_gone: bool = True
    """Whether what a complete harvest no longer lists may be taken for withdrawn, once `gone` agrees."""
    counted_by: tuple[Counter, ...] = ()
    """Who tells how much the upstream holds."""
    pictures: tuple[str, ...] = ()
    """Beginnings of the addresses where its small pictures are, each with the host whole; others are never
    fetched for readers."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the runner wants of a source."""

    scope: Scope = "everything"
    since: datetime | None = None
    """Only what changed after this moment of the upstream's clock; None for everything."""
    bookmark: str | None = None
    """Where an interrupted harvest goes on."""
    newest: int | None = None
    """A sample: only so many of the newest documents."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The operator's choices for this source, such as a route or an API token's presence."""


@dataclass(frozen=True, slots=True)
class Document:
    """One upstream document, verbatim. `id` is the upstream's own; None when it cannot be seen."""

    id: str | None
    body: bytes
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """One upstream answer, split into its documents, and where to go on after it."""

    url: str
    documents: tuple[Document, ...]
    bookmark: str
    asked_at: datetime
    announced: int | None = None
    """How many documents the upstream says the whole list holds."""
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)
    """Documents the upstream says are withdrawn, by id."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a document."""

    record: Record
    unmapped: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an upstream, after retries; its status was among those the caller accepts."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: datetime
    """The upstream's own clock (Date header) where it sent one, else ours."""
    parsed: Any = None
    """The body as JSON or as an XML tree, when that was expected; None for an error in another format."""

    def json(self) -> Any:  # noqa: ANN401  # JSON ends inside the sources
        """Parse the body.

        Raises:
            Unavailable: the body is no JSON; it was cut or belongs to an error page.
        """
        if self.parsed is not None:
            return self.parsed
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Unavailable("cut or broken JSON", url=self.url) from error


@dataclass(frozen=True, slots=True)
class Assumption:
    """A question to the upstream and the answer the source counts on; `--probe` asks it."""

    what: str
    url: str
    post: bytes | None = None
    status: int = 200
    expect: Expect = "json"
    paths: tuple[str, ...] = ()
    """Paths that must be in a JSON body, such as "hits.total"."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Values a known record must have, by path."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that must be there with these values; "*" for any."""
    holds: bytes = b""
    """Text the body must hold, for bodies that are not JSON."""


class Fetch(Protocol):
    """The polite client, as a source sees it."""

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect = "json",
        accept: tuple[int, ...] = (200,),
        keep: bool = False,
    ) -> Answer:
        """Ask with GET; raise one of the four errors unless the status is accepted.

        With `keep` the answer is kept, and the next time it comes only if it has changed.
        """
        ...

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        expect: Expect = "json",
        accept: tuple[int, ...] = (200,),
    ) -> Answer:
        """Ask with POST, as `get`."""
        ...

    def stream(self, url: str, *, largest: int | None = None) -> AsyncIterator[bytes]:
        """Download something large in pieces, of `largest` bytes at most."""
        ...


class Source(Protocol):
    """The shape of a source module."""

    card: Card
    assumptions: tuple[Assumption, ...]
    """What `--probe` checks."""
    ignored: dict[str, str]
    """Paths of its documents that are left on purpose, and why; a path covers all below it. It may bear its
    form ("datacite:geoLocations") where another form has a path of the same name."""

    def pages(self, fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
        """Ask the upstream; yield pages in an order that a bookmark can resume."""
        ...

    def documents(self, body: bytes) -> Iterator[Document]:
        """Split any answer of the upstream into documents, without network.

        Raises:
            BadRecord: the answer holds no document; the text says what it is instead.
        """
        ...

    def read(self, document: Document) -> Reading:
        """Turn a document into a record.

        Raises:
            BadRecord: it cannot become one; the text says why.
        """
        ...

    def told(self, document: Document) -> Told:
        """Lay out all that a document tells, as it came, for counting what becomes of it.

        Names that are data (of key-value pairs, of entities in a graph) become keys, so that the table of
        losses tells them apart.
        """
        ...

    async def gone(self, fetch: Fetch, upstream_id: str) -> Withdrawal | None:
        """Ask whether a document that a complete harvest did not list was withdrawn."""
        ...


def reading(record: Record, left: object, ignored: Container[str], notes: Notes) -> Reading:
    """Close a reading: the record, what nobody took, and the reasons."""
    return Reading(record, tuple(dict.fromkeys(unmapped(left, ignored))), tuple(notes.found))
