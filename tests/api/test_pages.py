"""The pages show what the API answers, escaped, and say where it comes from."""

from __future__ import annotations

import re

import orjson
import pytest

from api.node import NODE
from index import ledger
from tests.api.serving import Client


async def page(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.status == status
    assert (
        "script-src" in answer.headers["Content-Security-Policy"]
        or "default-src 'none'" in answer.headers["Content-Security-Policy"]
    )
    return await answer.text()


async def test_the_search_page_shows_hits_facets_and_origin(client: Client) -> None:
    html = await page(client, "/?q=light+sheet")
    assert "<mark>" in html
    assert "Danio rerio" in html
    assert "origin: replica" in html
    assert 'href="https://demo.example/one"' in html


async def test_strangers_text_is_escaped(client: Client) -> None:
    html = await page(client, "/?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html
    assert "&lt;zebrafish&gt;" in await page(client, "/records/demo:one")


async def test_a_chosen_facet_can_be_removed(client: Client) -> None:
    html = await page(client, "/?q=light&organism=NCBITaxon:7955")
    assert 'title="Remove this filter"' in html
    assert re.search(r'href="/\?q=light"', html)


async def test_a_bad_question_is_answered_with_advice(client: Client) -> None:
    assert "is no year" in await page(client, "/?year=soon", 400)


async def test_the_record_page_describes_itself_to_machines(client: Client) -> None:
    html = await page(client, "/records/demo:one")
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    assert orjson.loads(found[1].replace("<\\/", "</"))["@type"] == "Dataset"
    assert "Open at demo" in html


async def test_a_repository_goes_by_its_title_where_its_card_tells_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Open at demo<" in await page(client, "/?q=light")
    monkeypatch.setattr("api.node.FRESH_FOR", -1)
    card = {"title": "The <Demo> Archive"}
    ledger.begin(client.app[NODE].store, "demo", origin="replica", scope="everything", kind="full", card=card)
    for path in ("/?q=light", "/?q=light&view=table", "/records/demo:one", "/records/demo:one/family"):
        assert " at The &lt;Demo&gt; Archive<" in await page(client, path), path
    for path in ("/sources/demo", "/sources/demo/loss"):
        assert re.search("<h1>.*The &lt;Demo&gt; Archive</h1>", await page(client, path)), path


async def test_the_sources_page_shows_counts_and_origin(client: Client) -> None:
    html = await page(client, "/sources")
    assert "origin: replica" in html
    assert "demo" in html


async def test_no_page_has_a_script_or_a_style_within(client: Client) -> None:
    for path in ("/", "/?q=light", "/sources", "/docs", "/records/demo:one"):
        html = await page(client, path)
        assert not re.search(r"<script(?! type=\"application/ld\+json\"| src=\"/web/)", html)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)


async def test_the_stylesheet_is_served_and_nothing_else_of_the_folder(client: Client) -> None:
    assert (await client.get("/web/style.css")).content_type == "text/css"
    assert (await client.get("/web/base.html")).status == 404
    assert (await client.get("/web/nothing.css")).status == 404
