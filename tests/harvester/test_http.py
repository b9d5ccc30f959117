"""The polite client: it waits as told, believes nothing it cannot use, and asks only whom it may."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from harvester.errors import Changed, Refused, Unavailable
from harvester.http import Http, Manners, Polite, retry_after
from harvester.sources import empiar
from tests.conftest import IMPATIENT

HOST = empiar.card.hosts[0]
URL = f"https://{HOST}/thing"


@asynccontextmanager
async def upstream(
    *answers: web.Response, manners: Manners = IMPATIENT
) -> AsyncIterator[tuple[Polite, list[web.Request]]]:
    """A server that gives these answers in turn, the last one for ever, and a client of it."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        chosen = answers[min(len(asked), len(answers)) - 1]
        return web.Response(status=chosen.status, body=chosen.body, headers=chosen.headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with (
        TestServer(app) as server,
        Http(user_agent="Headwater/9 (+me)", offline=True, manners=manners) as http,
    ):
        yield http.client(empiar.card, replica=str(server.make_url("")).rstrip("/")), asked


def ok(body: bytes = b'{"a": 1}', **headers: str) -> web.Response:
    return web.Response(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def bad(status: int, body: bytes = b"", **headers: str) -> web.Response:
    return web.Response(
        status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_we_say_who_we_are() -> None:
    async with upstream(ok()) as (client, asked):
        await client.get(URL, params={"q": "a b"})
    assert asked[0].headers["User-Agent"] == "Headwater/9 (+me)"
    assert asked[0].query["q"] == "a b"


@pytest.mark.parametrize(
    "first",
    [
        bad(503), bad(500), bad(502), bad(429), bad(429, Retry_After="0"),
        bad(503, Retry_After=formatdate(usegmt=True)),
        bad(429, RateLimit_Reset="0"), bad(202), bad(204),
        ok(b"<!DOCTYPE html><html></html>"), ok(b""), ok(b'{"cut": [1, 2'),
    ],
    ids=lambda response: f"{response.status}-{(response.body or b'')[:9]!r}",
)  # fmt: skip
async def test_a_passing_fault_is_asked_again(first: Any) -> None:
    async with upstream(first, ok()) as (client, asked):
        assert (await client.get(URL)).json() == {"a": 1}
        assert len(asked) == 2
        assert client.traffic.retries == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (bad(503), Unavailable),
        (bad(429), Unavailable),
        (bad(429, Retry_After="86400"), Unavailable),
        (bad(202), Unavailable),
        (ok(b"<html></html>"), Unavailable),
        (ok(b'{"cut": '), Unavailable),
        (bad(202, x_amzn_waf_action="challenge"), Refused),
        (bad(401), Refused),
        (bad(403, b"User-Agent blocked"), Refused),
        (bad(404), Changed),
        (bad(410), Changed),
        (bad(400), Changed),
        (bad(422), Changed),
    ],
)
async def test_a_lasting_fault_ends_in_the_right_error(answer: Any, error: Any) -> None:
    async with upstream(answer) as (client, _):
        with pytest.raises(error):
            await client.get(URL)


async def test_an_accepted_status_is_an_answer() -> None:
    async with upstream(bad(404, b'{"message": "no"}')) as (client, _):
        assert (await client.get(URL, accept=(200, 404))).status == 404


async def test_we_do_not_wait_for_ever() -> None:
    async with upstream(bad(429, Retry_After="86400")) as (client, asked):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="status 429"):
            await client.get(URL)
        assert time.monotonic() - began < 1
        assert len(asked) == 1


async def test_an_endless_answer_is_cut_off() -> None:
    async with upstream(ok(b"x" * 5000), manners=replace(IMPATIENT, largest=1000)) as (client, _):
        with pytest.raises(Changed, match="larger than"):
            await client.get(URL, expect="any")


async def test_redirects_stay_with_the_hosts_of_the_card() -> None:
    async with upstream(bad(302, Location=f"https://{HOST}/elsewhere"), ok()) as (client, asked):
        await client.get(URL)
        assert asked[1].path == "/elsewhere"
    async with upstream(bad(302, Location="https://evil.example/")) as (client, _):
        with pytest.raises(Refused, match="redirected"):
            await client.get(URL)
    async with upstream(bad(302, Location=URL)) as (client, _):
        with pytest.raises(Changed, match="circles"):
            await client.get(URL)


async def test_only_hosts_of_the_card_are_asked() -> None:
    async with upstream(ok()) as (client, asked):
        with pytest.raises(Refused, match="may not ask"):
            await client.get("https://example.org/")
        assert asked == []


async def test_offline_means_no_live_upstream() -> None:
    async with Http(user_agent="x", offline=True) as http:
        with pytest.raises(Refused, match="offline"):
            await http.client(empiar.card).get(URL)


async def test_a_download_that_breaks_off_is_an_outage() -> Any:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_get("/thing", cut)
    async with TestServer(app) as server, Http(user_agent="x", manners=IMPATIENT) as http:
        client = http.client(empiar.card, replica=str(server.make_url("")).rstrip("/"))
        with pytest.raises(Unavailable, match="broke off"):
            async for _ in client.stream(URL):
                pass


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, 30),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT"}, 0),
        ({"RateLimit-Reset": "1795341630"}, 30),  # Dryad sends an epoch
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: Any, seconds: Any) -> None:
    assert retry_after(headers, now=1795341600.0) == seconds


def test_an_error_shows_the_beginning_of_an_endless_address() -> None:
    error = Changed("not understood", url=f"https://zenodo.org/api/records?q={'word+OR+' * 300}")
    assert str(error).startswith("not understood at https://zenodo.org/api/records?q=word+OR+word")
    assert str(error).endswith("… (2,433 characters)")
    assert error.url is not None
    assert len(error.url) == 2433
