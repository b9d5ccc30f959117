"""OAI-PMH providers that keep to no book: lists without end, wrong granularities, windows too large."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from harvester.errors import Changed, Overtaxed, Unavailable
from harvester.http import Http, Polite
from harvester.protocols import oaipmh
from harvester.protocols.oai_windows import HALVINGS
from tests.conftest import IMPATIENT
from tests.harvester.test_oaipmh import CARD, ENDPOINT, START, walked


@asynccontextmanager
async def strange(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[tuple[Polite, list[str]]]:
    """A provider that keeps to no book, and what it was asked."""
    asked: list[str] = []

    async def door(request: web.Request) -> web.Response:
        asked.append(request.query_string)
        return answer(request)

    app = web.Application()
    app.router.add_get("/oai", door)
    async with TestServer(app) as server, Http(user_agent="test", manners=IMPATIENT) as http:
        yield http.client(CARD, replica=str(server.make_url("")).rstrip("/")), asked


def listed(*numbers: int, after: str | None = None, size: int | None = None, at: str = "2026-04-01") -> str:
    records = "".join(
        f"<record><header><identifier>r{number}</identifier><datestamp>{at}</datestamp></header>"
        f"<metadata><dc/></metadata></record>"
        for number in numbers
    )
    of = f' completeListSize="{size}"' if size else ""
    more = f"<resumptionToken{of}>{after or ''}</resumptionToken>" if after is not None else ""
    return f"<ListRecords>{records}{more}</ListRecords>"


def oai(inner: str, status: int = 200) -> web.Response:
    body = f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{inner}</OAI-PMH>'
    return web.Response(status=status, text=body, content_type="text/xml")


def refused(code: str, said: str = "") -> web.Response:
    return oai(f'<error code="{code}">{said}</error>')


async def test_tokens_that_are_new_each_time_but_lead_in_circles_end_the_harvest() -> None:
    turns = count()

    def answer(_request: web.Request) -> web.Response:
        number = next(turns)
        return oai(listed(number % 3, after=f"t{number}"))

    async with strange(answer) as (fetch, asked):
        with pytest.raises(Changed, match="a list without end after 3 records"):
            await walked(fetch)
        assert len(asked) < 30


async def test_a_last_page_that_leads_to_no_match_is_the_end_of_the_list() -> None:
    def answer(request: web.Request) -> web.Response:
        if "resumptionToken" in request.query:
            return refused("noRecordsMatch")
        return oai(listed(1, 2, after="more", size=2))

    async with strange(answer) as (fetch, _):
        pages = [page async for page in oaipmh.list_records(fetch, ENDPOINT, prefix="oai_dc")]
        assert [len(page.records) for page in pages] == [2, 0]
        assert pages[-1].token is None
        assert set((await walked(fetch))[0]) == {"r1", "r2"}


async def test_no_match_in_the_middle_of_a_list_is_no_end() -> None:
    def answer(request: web.Request) -> web.Response:
        if "resumptionToken" in request.query:
            return refused("noRecordsMatch")
        return oai(listed(1, 2, after="more", size=5))

    async with strange(answer) as (fetch, _):
        with pytest.raises(Unavailable, match="a list of 5 records ended with 2"):
            await walked(fetch)


async def test_a_token_refused_as_a_bad_argument_restarts_its_window() -> None:
    once = iter(["bad"])

    def answer(request: web.Request) -> web.Response:
        if "resumptionToken" not in request.query:
            return oai(listed(1, 2, after="more", size=4))
        return refused("badArgument", "unknown token") if next(once, "") else oai(listed(3, 4, after=""))

    async with strange(answer) as (fetch, _):
        assert set((await walked(fetch))[0]) == {"r1", "r2", "r3", "r4"}


async def test_a_provider_that_wants_days_whatever_it_said_is_asked_by_days() -> None:
    def answer(request: web.Request) -> web.Response:
        if "T" in request.query["from"]:
            return refused("badArgument", "granularity not supported")
        return oai(listed(int(request.query["from"][-2:])))

    async with strange(answer) as (fetch, asked):
        pages = oaipmh.windows(
            fetch,
            ENDPOINT,
            prefix="oai_dc",
            start=START + timedelta(hours=23),
            end=START + timedelta(hours=49),
            span=timedelta(hours=5),
            resumable=True,
            bookmark=None,
        )
        found = [record.identifier async for page, _ in pages for record in page.records]
        assert found == ["r1", "r2", "r3"]
        assert sum("T" in text.partition("from=")[2] for text in asked) == 1


@pytest.mark.parametrize(
    "said", ["Too many records, narrow your request", "timed out", "list size exceeds 5000"]
)
async def test_a_window_the_provider_finds_too_large_is_halved(said: str) -> None:
    def answer(request: web.Request) -> web.Response:
        first, last = (datetime.fromisoformat(request.query[name]) for name in ("from", "until"))
        if last - first > timedelta(minutes=20):
            return refused("badArgument", said)
        return oai(listed(*range(first.hour * 60 + first.minute, last.hour * 60 + last.minute + 1)))

    async with strange(answer) as (fetch, _):
        assert set((await walked(fetch))[0]) == {f"r{minute}" for minute in range(361)}


@pytest.mark.parametrize("status", [504, 413])
async def test_a_window_that_breaks_off_in_the_middle_is_halved(status: int) -> None:
    def answer(request: web.Request) -> web.Response:
        if "resumptionToken" in request.query:
            return web.Response(status=status)
        first, last = (datetime.fromisoformat(request.query[name]) for name in ("from", "until"))
        minutes = range(first.hour * 60 + first.minute, last.hour * 60 + last.minute + 1)
        if len(minutes) <= 16:
            return oai(listed(*minutes))
        return oai(listed(*minutes[:10], after="more", size=len(minutes)))

    async with strange(answer) as (fetch, _):
        assert set((await walked(fetch))[0]) == {f"r{minute}" for minute in range(361)}


async def test_what_is_down_is_not_asked_in_ever_smaller_windows() -> None:
    async with strange(lambda _: web.Response(status=504)) as (fetch, asked):
        with pytest.raises(Overtaxed, match="status 504"):
            await walked(fetch)
        assert len(asked) == IMPATIENT.attempts * (HALVINGS + 1)


async def test_what_is_busy_is_not_asked_for_less() -> None:
    async with strange(lambda _: web.Response(status=503)) as (fetch, asked):
        with pytest.raises(Unavailable, match="status 503"):
            await walked(fetch)
        assert len(asked) == IMPATIENT.attempts


@pytest.mark.parametrize("said", ["YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DDTHH:MM:SSZ"])
async def test_seconds_are_seconds_however_they_are_written(said: str) -> None:
    inner = f"<earliestDatestamp>2026-04-01</earliestDatestamp><granularity>{said}</granularity>"
    async with strange(lambda _: oai(f"<Identify>{inner}</Identify>")) as (fetch, _):
        assert (await oaipmh.identify(fetch, ENDPOINT)).granularity == "seconds"


async def test_one_record_with_a_forbidden_character_does_not_cost_its_page() -> None:
    page = listed(1, 2, 3).replace("<dc/>", "<dc><title>a\x0bb &#x1;</title></dc>", 1)
    async with strange(lambda _: oai(page)) as (fetch, asked):
        pages = [page async for page in oaipmh.list_records(fetch, ENDPOINT, prefix="oai_dc")]
        assert [record.identifier for record in pages[0].records] == ["r1", "r2", "r3"]
        assert b"<title>a b  </title>" in pages[0].records[0].xml
        assert len(asked) == 1
