"""OAI-PMH 2.0, one page at a time, strict and resumable.

oaipmh-scythe conducts the dialogue: what is asked after what, resumption tokens, errors by name. Its own
HTTP stands still. `harvest`, its one public door to the network, says what it wants to ask; our polite
client asks, and the answer is parsed once and strictly before scythe sees it. Stock scythe 0.16 mends
broken XML, and a page cut in the middle then ends a list silently, as does an HTML page with status 200
(seen in a trial with 195 real records: 34 and 20 of them arrived).

    list_records   pages of one list, until its token runs out
    windows        a long span of time as many short lists, each complete or asked for again
    split          any recorded answer with records, for a source's `documents`
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx2
from lxml import etree
from oaipmh_scythe import (
    BadArgument,
    BadResumptionToken,
    NoRecordsMatch,
    OAIPMHException,
    OAIResponse,
    Scythe,
)
from oaipmh_scythe.iterator import OAIResponseIterator

from harvester.errors import Changed, Overtaxed, Unavailable
from harvester.protocols.oai_records import (
    Granularity,
    OaiPage,
    OaiRecord,
    TokenExpired,
    error_of,
    moment_of,
    payload_of,
    record_of,
    records_in,
    split,
    stamp,
)
from harvester.protocols.oai_windows import Place, Terms, walk
from harvester.protocols.xml import local
from harvester.source import Answer, Fetch

__all__ = [
    "Granularity",
    "Identity",
    "OaiPage",
    "OaiRecord",
    "TokenExpired",
    "error_of",
    "identify",
    "list_records",
    "payload_of",
    "record_of",
    "split",
    "stamp",
    "windows",
]

Found = TypeVar("Found")

LARGEST_WINDOW = 5_000
"""A list longer than this is asked for in two halves: what breaks in a long list costs all of it."""

_ACCEPTED = (200, 400, 404, 422)
"""OAI-PMH errors come with status 200 by the book, with 422 from Zenodo, with 400 or 404 from others."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of itself."""

    earliest: datetime
    granularity: Granularity
    deleted: str


async def identify(fetch: Fetch, endpoint: str) -> Identity:
    """Ask a provider who it is."""
    scythe = _Dialogue(endpoint)
    said = await _converse(fetch, scythe, scythe.identify)
    facts = {local(child): (child.text or "").strip() for child in said.xml}
    earliest = moment_of(facts.get("earliestDatestamp"))
    if earliest is None:
        raise Changed("Identify names no earliest datestamp", url=scythe.url)
    fine = "hh:mm:ss" in facts.get("granularity", "").lower()
    return Identity(earliest, "seconds" if fine else "days", facts.get("deletedRecord", "no"))


async def list_records(  # noqa: PLR0913  # the protocol's own arguments
    fetch: Fetch,
    endpoint: str,
    *,
    prefix: str,
    since: datetime | None = None,
    until: datetime | None = None,
    set_: str | None = None,
    token: str | None = None,
    granularity: Granularity = "seconds",
) -> AsyncIterator[OaiPage]:
    """Ask for records, page after page; both ends of the span are included.

    Raises:
        TokenExpired: the provider no longer knows the token; begin the list again.
        NoSuchDates: the provider does not take dates to the second.
        Overtaxed: the provider says that the list is too long.
        Changed: the provider refused the question, or its token repeats.
    """
    asked = {
        "metadataPrefix": prefix,
        "from": stamp(since, granularity) if since else None,
        "until": stamp(until, granularity) if until else None,
        "set": set_,
    }
    rest = {"resumptionToken": token} if token else {name: value for name, value in asked.items() if value}
    scythe = _Dialogue(endpoint)
    query = {"verb": "ListRecords", **rest}
    try:
        dialogue = await _converse(fetch, scythe, lambda: OAIResponseIterator(scythe, query))
    except NoRecordsMatch:
        yield OaiPage(scythe.url, scythe.asked_at, (), None, 0)
        return
    met = {token}
    while True:
        page = _page(scythe, dialogue)
        yield page
        if page.token is None:
            return
        if page.token in met:
            raise Changed("the resumption token repeats", url=page.url, hint="the list would never end")
        met.add(page.token)
        try:
            await _converse(fetch, scythe, lambda: _turn_over(dialogue))
        except NoRecordsMatch:  # some give a token on their last page, and answer it so
            yield OaiPage(scythe.url, scythe.asked_at, (), None, page.complete_list_size)
            return


async def windows(  # noqa: PLR0913  # the protocol's own arguments, and how far to trust the provider
    fetch: Fetch,
    endpoint: str,
    *,
    prefix: str,
    start: datetime,
    end: datetime,
    span: timedelta,
    resumable: bool,
    bookmark: str | None,
    set_: str | None = None,
    granularity: Granularity = "seconds",
    largest: int = LARGEST_WINDOW,
) -> AsyncIterator[tuple[OaiPage, str]]:
    """Walk a span of time in windows; yield each page with the bookmark after it.

    A window counts as done when as many records came as its list announced. To the second, neighboring
    windows share their border: providers compare stamps that are finer than they show.

    A provider that refuses stamps to the second, whatever Identify says, is asked by days from there on.

    Args:
        fetch: the polite client.
        endpoint: the provider's base address.
        prefix: the metadata format.
        start: the first moment of interest; a bookmark outranks it.
        end: the last moment of interest.
        span: the longest window.
        resumable: whether a token may be sent again after its answer was lost. Where that gives the
            next batch (Zenodo), every bookmark inside a window leads back to the window's start.
        bookmark: where an earlier walk stopped.
        set_: only this set.
        granularity: as Identify says.
        largest: longer lists are halved.

    Raises:
        Unavailable: a window ended twice with the wrong number of records.
    """

    def pages(place: Place) -> AsyncIterator[OaiPage]:
        return list_records(
            fetch,
            endpoint,
            prefix=prefix,
            since=place.since,
            until=place.until,
            set_=set_,
            token=place.token,
            granularity=terms.granularity,
        )

    terms = Terms(pages, granularity, resumable, largest, endpoint)
    place = _by_its_day(Place.read(bookmark) if bookmark else Place(start), granularity)
    try:
        async for page, after in walk(terms, place, span, end):
            place = Place.read(after)
            yield page, after
    except NoSuchDates:
        terms = replace(terms, granularity="days")
        async for page, after in walk(terms, _by_its_day(place.restarted(), "days"), span, end):
            yield page, after


class NoSuchDates(Changed):
    """A question with dates to the second was refused."""


def _by_its_day(place: Place, granularity: Granularity) -> Place:
    """Begin at midnight where days are asked for, so that no window begins after the last day's start."""
    if granularity == "seconds" or place.token is not None:
        return place
    return Place(place.since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


_TOO_MUCH = re.compile(r"too (?:many|much|large|long|big)|time[d -]*out|narrow|smaller|exceed", re.IGNORECASE)
"""How providers say that a list is too long; the protocol has no word for it."""


class _ToFetch(Exception):  # it carries a question out of scythe
    def __init__(self, query: dict[str, str]) -> None:
        super().__init__(query)
        self.query = query


class _Strict(OAIResponse):
    """An answer whose XML was parsed once, and strictly."""

    def __init__(self, answer: Answer, query: dict[str, str]) -> None:
        super().__init__(httpx2.Response(answer.status, content=answer.body), query)
        self._root: etree._Element = answer.parsed

    @property
    def xml(self) -> etree._Element:
        return self._root


class _Dialogue(Scythe):
    """Scythe without HTTP of its own: it says what to ask, and is handed the answer."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, iterator=OAIResponseIterator)
        self.fetched: _Strict | None = None
        self.url = endpoint
        self.asked_at = datetime.now(UTC)

    def harvest(self, query: dict[str, str]) -> OAIResponse:
        response, self.fetched = self.fetched, None
        if response is None:
            raise _ToFetch(query)
        response.raise_for_oaipmh_error()
        return response


async def _converse(fetch: Fetch, scythe: _Dialogue, step: Callable[[], Found]) -> Found:
    """Take one step of scythe's; fetch what it asks for, and take the step again with the answer."""
    query: dict[str, str] = {}
    while True:
        try:
            return step()
        except _ToFetch as wanted:
            query = wanted.query
            answer = await _fetch(fetch, scythe.endpoint, wanted.query)
            scythe.url, scythe.asked_at = answer.url, answer.asked_at
            scythe.fetched = _Strict(answer, wanted.query)
        except NoRecordsMatch:
            raise
        except OAIPMHException as error:
            raise _meant(error, query, scythe.url) from error


def _meant(error: OAIPMHException, query: dict[str, str], url: str) -> Exception:
    """Tell what a provider's error means for the list."""
    what = f"the provider refused: {type(error).__name__} {error}"
    token = "resumptionToken" in query
    if isinstance(error, BadResumptionToken) or (token and isinstance(error, BadArgument)):
        return TokenExpired(str(error))  # some know no better word for a token of yesterday
    if _TOO_MUCH.search(str(error)):
        return Overtaxed(what, url=url)
    if isinstance(error, BadArgument) and "T" in query.get("from", "") + query.get("until", ""):
        return NoSuchDates(what, url=url)
    return Changed(what, url=url)


async def _fetch(fetch: Fetch, endpoint: str, query: dict[str, str]) -> Answer:
    answer = await fetch.get(endpoint, params=query, expect="xml", accept=_ACCEPTED)
    if answer.parsed is not None and local(answer.parsed) == "OAI-PMH":
        return answer
    if answer.status == 200:
        raise Unavailable("XML, but no answer of OAI-PMH", url=answer.url)
    raise Changed(f"status {answer.status} without an OAI-PMH error", url=answer.url)


def _turn_over(dialogue: OAIResponseIterator) -> None:
    """Go to the next page. A generator that was left by an exception is spent, so each turn has its own."""
    dialogue.oai_response = None
    dialogue.oai_response = next(iter(dialogue))


def _page(scythe: _Dialogue, dialogue: OAIResponseIterator) -> OaiPage:
    root = dialogue.oai_response.xml if dialogue.oai_response else None
    if root is None or not any(local(child) == "ListRecords" for child in root):
        raise Changed("an OAI-PMH answer without <ListRecords>", url=scythe.url)
    said = dialogue.resumption_token
    token = said.token.strip() if said and said.token else None
    size = said.complete_list_size if said else None
    return OaiPage(
        scythe.url,
        scythe.asked_at,
        tuple(records_in(root)),
        token or None,
        int(size) if size and size.isdigit() else None,
        moment_of(said.expiration_date if said else None),
    )
