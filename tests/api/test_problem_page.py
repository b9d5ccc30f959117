"""Errors are a page where somebody reads pages and problem+json everywhere else: same status, same advice."""

from __future__ import annotations

import sqlite3

import pytest
from lxml import html

from api.node import NODE
from api.problem import Problem
from api.rendering import SECURITY
from index.engines import SnapshotGone
from tests.api.serving import Client

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
"""What Firefox and Chromium send."""


@pytest.mark.parametrize("path", ["/records/nope", "/sources/nobody", "/nowhere", "/facets"])
async def test_a_browser_is_answered_a_page_with_ways_on(client: Client, path: str) -> None:
    answer = await client.get(path, headers={"Accept": BROWSER})
    assert (answer.status, answer.content_type) == (404, "text/html")
    assert answer.headers["Vary"] == "Accept"
    assert SECURITY.items() <= answer.headers.items()
    shown = html.document_fromstring(await answer.text())
    assert shown.findtext(".//h1") == "Not found"
    assert "/api/" not in "".join(shown.xpath("//main//text()"))
    assert shown.xpath("//main//input[@type='search' and @name='q']")
    for address in shown.xpath("//main//a/@href"):
        assert (await client.get(address)).status == 200


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/nowhere", "*/*"),
        ("/nowhere", None),
        ("/nowhere", "application/json, text/html;q=0.9"),
        ("/records/nope", "image/avif,image/webp,*/*;q=0.8"),
        ("/records/nope?format=jsonld", BROWSER),
        *(
            (path, BROWSER)
            for path in (
                "/api/v1/records/nope", "/api/v2", "/feeds/nothing", "/explore/nothing.svg",
                "/explore/nothing.csv", "/nothing.json", "/healthz/x",
            )
        ),
    ],
)  # fmt: skip
async def test_a_program_is_answered_a_problem(client: Client, path: str, accept: str | None) -> None:
    skipped = [] if accept else ["Accept"]
    headers = {"Accept": accept} if accept else {}
    answer = await client.get(path, headers=headers, skip_auto_headers=skipped)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert (await answer.json())["status"] == 404


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (SnapshotGone("of yesterday"), 410, "The index has moved on since this page"),
        (Problem(503, "Busy", "too many searches wait", retry_after=7), 503, "Too many searches wait."),
        (Problem(429, "Too many", "wait a moment", retry_after=7), 429, "Wait a moment."),
        (ZeroDivisionError(), 500, "This is a fault of the node"),
    ],
    ids=["gone", "busy", "many", "fault"],
)
async def test_a_page_has_the_status_and_the_headers_of_its_problem(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, sentence: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("index.search.Catalogue.search", fails)
    shown = await client.get("/?q=light", headers={"Accept": BROWSER})
    told = await client.get("/?q=light")
    assert shown.status == told.status == status
    assert (shown.content_type, told.content_type) == ("text/html", "application/problem+json")
    assert shown.headers.get("Retry-After") == told.headers.get("Retry-After")
    assert ("Retry-After" in shown.headers) == isinstance(error, Problem)
    text = await shown.text()
    assert sentence in text
    assert 'value="light"' in text


async def test_a_store_that_cannot_be_read_hides_no_problem(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(client.app[NODE].store, "source_states", broken)
    monkeypatch.setattr("api.node.FRESH_FOR", -1)
    for path, status in (("/nowhere", 404), ("/sources", 500)):
        answer = await client.get(path, headers={"Accept": BROWSER})
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
