"""The language as people meet it: the answer, the problem, the page, its help and the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.app import create_app
from api.help import FORMS, Example
from api.language import pointed
from api.node import Node
from harvester import registry
from harvester.reading import attempt
from harvester.rehearse import REPLICAS
from index.query import FIELDS, BadQuery, parse
from index.search import Catalogue, Request
from index.store import Store
from tests.api.serving import Client
from tests.index.filling import catalogue, fill

DOCS = Path(__file__).parents[2] / "docs/query-language.md"
EXAMPLES = [example for form in FORMS for example in form.examples]


async def ask(client: Client, q: str, status: int = 200) -> Any:
    answer = await client.get("/api/v1/search", params={"q": q})
    assert answer.status == status, await answer.text()
    return await answer.json()


# ---- the API and the page ------------------------------------------------------------------------


async def test_an_answer_says_how_it_read_the_words_and_where_it_may_be_wrong(client: Client) -> None:
    answer = await ask(client, "zebrafish C++ year:2021")
    assert answer["query"]["understood"] == 'zebrafish AND "C++" AND year:2021'
    (note,) = answer["query"]["notes"]
    assert (note["position"], note["length"]) == (10, 3)
    assert any("C++" in warning and "character 11" in warning for warning in answer["warnings"])


async def test_a_problem_points_at_the_place(client: Client) -> None:
    problem = await ask(client, "soil tilte:zebrafish", 400)
    assert (problem["position"], problem["length"]) == (5, 6)
    assert problem["message"] == "there is no field 'tilte'"
    assert "did you mean 'title'" in problem["hint"]
    assert problem["detail"] == f"{problem['message']}; {problem['hint']}"


async def test_a_problem_with_another_parameter_has_no_place(client: Client) -> None:
    answer = await client.get("/api/v1/search?year=soon")
    assert "position" not in await answer.json()


@pytest.mark.parametrize(
    "q", ["5' UTR", "C++", "a/b", "p<0.05", '"', "(", ")", '"light sheet', "???", "AND", "'"]
)
async def test_text_with_signs_is_answered_with_a_reason(client: Client, q: str) -> None:
    answer = await ask(client, q)
    assert answer["query"]["notes"]


async def test_the_page_marks_the_place_and_offers_plain_words(client: Client) -> None:
    answer = await client.get("/", params={"q": "<b> foo:bar", "source": "demo"})
    html = await answer.text()
    assert answer.status == 400
    assert '<pre class="place">&lt;b&gt; <mark>foo:</mark>bar</pre>' in html
    found = re.search(r'href="([^"]+)">Search it as plain words', html)
    assert found is not None
    assert (await client.get(unescape(found[1]))).status == 200
    assert "source=demo" in found[1]


async def test_the_page_shows_what_was_taken_as_text(client: Client) -> None:
    html = await (await client.get("/", params={"q": "zebrafish C++"})).text()
    assert "<code>zebrafish <mark>C++</mark></code>" in html


async def test_withdrawn_records_are_found_by_who_says_so_in_the_query(client: Client) -> None:
    assert [hit["id"] for hit in (await ask(client, "is:withdrawn"))["hits"]] == ["demo:gone"]
    everything = (await ask(client, "*"))["total"]
    assert (await ask(client, "is:current"))["total"] == everything
    assert (await ask(client, "is:withdrawn OR *"))["total"] == everything + 1
    only = await (await client.get("/api/v1/search?is=withdrawn")).json()
    assert only["total"] == 1


@pytest.mark.parametrize(
    "q",
    [
        "EMPIAR‐10001",  # noqa: RUF001
        "see https://doi.org/10.1234/ONE, please",
        "https://DEMO.example/one/",
        "demo:one1 10.1234/one",
        "(doi:10.1234/one)",
    ],
)
async def test_a_pasted_identifier_finds_its_records_first(client: Client, q: str) -> None:
    answer = await ask(client, q)
    assert answer["total"] >= 6
    assert answer["hits"][0]["doi"] == "10.1234/one"


@pytest.mark.parametrize("q", ["orcid:0000-0002-1825-0097", "01PXWE438", "pmid:123", "220526/Z/20/Z"])
async def test_people_institutions_and_papers_find_their_data(client: Client, q: str) -> None:
    assert (await ask(client, q))["total"] == 6


def test_the_terminal_shows_the_place_below_the_query() -> None:
    with pytest.raises(BadQuery) as refused:
        parse("soil year:soon")
    lines = pointed("soil year:soon", refused.value).splitlines()
    assert lines[1:] == ["  soil year:soon", "            ^^^^"]


# ---- the examples, over what the replicas bring --------------------------------------------------


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Everything the bundled replicas hold, read without a server."""
    folder = tmp_path_factory.mktemp("bundled")
    with Store(folder / "store.sqlite") as store:
        for name, replica in REPLICAS.items():
            source = registry.source(name)
            bodies = replica.as_documents(replica.bundled())
            readings = [attempt(source, document) for body in bodies for document in source.documents(body)]
            records = {r.record.id: r.record for r in readings if not isinstance(r, str)}
            fill(store, records.values(), name)
        searched = catalogue(store, folder)
        yield searched
        searched.engine.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.words)
def test_every_example_finds_something_or_says_why_not(bundled: Catalogue, example: Example) -> None:
    answer = bundled.search(Request(words=example.words))
    assert (answer.total > 0) != (example.empty_while is not None)
    if example.empty_while:
        gone = bundled.search(Request(withdrawn="only"))
        assert gone.total == 0, f"{example.words} should find {gone.total} withdrawn records"


async def test_the_help_page_links_every_example_and_each_link_answers(bundled: Catalogue) -> None:
    node = Node(bundled.store, bundled.engine)
    async with TestClient(TestServer(create_app(node))) as client:
        html = await (await client.get("/help/search")).text()
        links = [unescape(link) for link in re.findall(r'<dt><a href="([^"]+)">', html)]
        assert links == [example.url for example in EXAMPLES]
        for link, example in zip(links, EXAMPLES, strict=True):
            answer = await client.get(link)
            assert answer.status == 200, link
            shown = re.search(r'<p class="count"><b>([\d,]+)</b>', await answer.text())
            assert shown is not None
            assert (shown[1] == "0") == (example.empty_while is not None), link


# ---- the document --------------------------------------------------------------------------------


def queries_of(section: str) -> list[str]:
    text = DOCS.read_text("utf-8")
    (part,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return list(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))


@pytest.mark.parametrize(
    "section", ["Words", "Identifiers", "Fields", "Ranges", "What reads like text is text"]
)
def test_every_query_in_the_document_is_understood(section: str) -> None:
    queries = queries_of(section)
    assert len(queries) > 5
    for query in queries:
        parse(query)


def test_every_query_the_document_calls_refused_is_refused() -> None:
    queries = queries_of("What is refused")
    assert len(queries) > 5
    for query in queries:
        with pytest.raises(BadQuery) as refused:
            parse(query)
        assert refused.value.position is not None, query


def test_the_document_names_every_field() -> None:
    text = DOCS.read_text("utf-8")
    unnamed = {"accession", "orcid", "pmid", "pmcid"}  # prefixes of identifiers, told by example
    assert {name for name in FIELDS if f"{name}:" not in text} <= unnamed
