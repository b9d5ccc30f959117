"""A long list as many short ones, each complete or asked for again; for OAI-PMH and for searches by time.

Pure of HTTP: `walk` is handed a function that lists one window. Read `oaipmh.windows` first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

import orjson

from harvester.errors import Changed, Overtaxed, Unavailable
from harvester.protocols.oai_records import Granularity, TokenExpired, moment_of, stamp

TRIES = 2
"""How often a window may end with the wrong number of records before the upstream is left for later."""
RESTARTS = 3
"""How often a window's token may expire under our hands."""
HALVINGS = 4
"""How often a window is halved because its list breaks off: to a sixteenth; what is down stays down."""
IDLE = 20
"""Pages in a row that list nothing new, although each leads to another: the list will not end."""


class Listed(Protocol):
    """One page of a list."""

    @property
    def token(self) -> str | None:
        """What leads to the next page; None on the last one."""
        ...

    @property
    def token_expires(self) -> datetime | None:
        """How long it does."""
        ...

    @property
    def complete_list_size(self) -> int | None:
        """How long the whole list is, if it says so."""
        ...

    def ids(self) -> Iterable[str]:
        """What the page lists."""
        ...


Sheet = TypeVar("Sheet", bound=Listed)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: a window, and how far inside it."""

    since: datetime
    until: datetime | None = None
    token: str | None = None
    expires: datetime | None = None
    seen: int = 0

    @classmethod
    def read(cls, bookmark: str) -> Place:
        """Read a bookmark; a token that has expired since is left out."""
        kept = orjson.loads(bookmark)
        place = cls(datetime.fromisoformat(kept["from"]))
        expires = moment_of(kept.get("expires"))
        if "token" not in kept or (expires and expires <= datetime.now(UTC)):
            return place
        until = datetime.fromisoformat(kept["until"])
        return replace(place, until=until, token=kept["token"], expires=expires, seen=kept["seen"])

    def write(self) -> str:
        """Write a bookmark."""
        kept: dict[str, str | int] = {"from": stamp(self.since)}
        if self.token is not None and self.until is not None:
            kept |= {"until": stamp(self.until), "token": self.token, "seen": self.seen}
            if self.expires is not None:
                kept["expires"] = stamp(self.expires)
        return orjson.dumps(kept).decode()

    def restarted(self) -> Place:
        """Answer the same window, from its start."""
        return Place(self.since, self.until)


@dataclass(frozen=True, slots=True)
class Terms(Generic[Sheet]):
    """What stays the same from window to window."""

    pages: Callable[[Place], AsyncIterator[Sheet]]
    """Lists one window, from its start or from a token."""
    granularity: Granularity
    resumable: bool
    largest: int
    where: str

    def until(self, since: datetime, span: timedelta, end: datetime) -> datetime:
        """Answer the last moment of a window."""
        whole = since + span - (timedelta(days=1) if self.granularity == "days" else timedelta())
        return max(since, min(whole, end))

    def after(self, place: Place) -> Place:
        """Answer the window after one that is done.

        To the second, neighbors share their border: a provider compares stamps finer than it shows, and
        a record at 23:59:59.5 is in neither of two windows that end and begin at whole seconds.
        """
        last = place.until or place.since
        return Place(last + timedelta(days=1) if self.granularity == "days" else last)

    def half(self, place: Place) -> Place | None:
        """Answer the first half of a window; None when it cannot be halved."""
        if place.until is None or place.token is not None:
            return None
        days = self.granularity == "days"
        unit = timedelta(days=1) if days else timedelta(seconds=1)
        shorter = place.since + (place.until - place.since) // unit // 2 * unit
        halved = shorter < place.until if days else place.since < shorter < place.until
        return replace(place, until=shorter) if halved else None


async def walk(
    terms: Terms[Sheet], place: Place, span: timedelta, end: datetime
) -> AsyncIterator[tuple[Sheet, str]]:
    """List window after window up to `end`; yield each page with the bookmark after it.

    After a window that had to be halved the next one begins small and grows back.
    """
    reach = span
    while True:
        since = place.since
        until = place.until or terms.until(since, reach, end)
        async for page, after in _window(terms, replace(place, until=until)):
            place = after
            yield page, after.write()
        reach = min(span, max(2 * (place.since - since), timedelta(seconds=1)))
        left = end - place.since
        if left < timedelta() or (left < timedelta(seconds=1) and terms.granularity == "seconds"):
            return


async def _window(terms: Terms[Sheet], place: Place) -> AsyncIterator[tuple[Sheet, Place]]:
    """List one window until it is whole."""
    tries = restarts = halvings = 0
    tally = Tally(place.seen)
    while tries < TRIES and restarts < RESTARTS:
        tally = Tally(place.seen)
        try:
            async for page in terms.pages(place):
                tally.count(page, terms.where)
                if page.token and tally.announced > terms.largest and (half := terms.half(place)):
                    place = half
                    break
                if page.token is None and tally.adds_up:
                    yield page, terms.after(place)
                    return
                yield page, _inside(terms, place, page, tally.held)
            else:
                tries, place = tries + 1, place.restarted()
        except TokenExpired:
            restarts, place = restarts + 1, place.restarted()
        except Overtaxed:
            smaller = terms.half(place.restarted())
            if smaller is None or halvings == HALVINGS:
                raise
            halvings, place = halvings + 1, smaller
    what = tally.told() if tries else "resumption tokens expire too soon"
    hint = f"the next run asks again for what changed since {stamp(place.since)}"
    raise Unavailable(what, url=terms.where, hint=hint)


@dataclass(slots=True)
class Tally:
    """What one go at a window has brought."""

    before: int
    """Listed before a bookmark."""
    announced: int = 0
    """How many the list says there are."""
    ids: set[str] = field(default_factory=set)
    idle: int = 0
    is_silent: bool = True
    """Whether the list does not say how long it is."""

    @property
    def held(self) -> int:
        return self.before + len(self.ids)

    @property
    def adds_up(self) -> bool:
        return self.is_silent or self.announced == self.held

    def count(self, page: Listed, where: str) -> None:
        """Count a page.

        Raises:
            Changed: page after page lists only what was listed.
        """
        known = len(self.ids)
        self.ids.update(page.ids())
        self.is_silent = page.complete_list_size is None
        self.announced = page.complete_list_size or 0
        self.idle = 0 if len(self.ids) > known else self.idle + 1
        if page.token and self.idle >= IDLE:
            hint = "each page leads to another, but none lists anything new"
            raise Changed(f"a list without end after {self.held} records", url=where, hint=hint)

    def told(self) -> str:
        return f"a list of {self.announced} records ended with {self.held}"


def _inside(terms: Terms[Sheet], place: Place, page: Sheet, held: int) -> Place:
    if not terms.resumable or page.token is None:
        return place.restarted()
    return replace(place, token=page.token, expires=page.token_expires, seen=held)
