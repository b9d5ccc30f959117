"""/api/v1/search answers what it promises, and refuses instead of guessing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from index.entry import FACETS
from tests.api.serving import Client


async def ask(client: Client, query: str, status: int = 200) -> Any:
    answer = await client.get(f"/api/v1/search?{query}")
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_an_answer_has_all_its_parts(client: Client) -> None:
    answer = await ask(client, "q=zebrafish&facets=source,organism")
    assert set(answer) == {
        "total", "hits", "facets", "histograms", "partial", "next", "took_ms", "snapshot", "as_of", "query",
        "expanded", "sources", "warnings", "did_you_mean", "why_empty", "searched",
    }  # fmt: skip
    assert set(answer["facets"]) == {"source", "organism"}
    assert answer["facets"]["organism"]["values"] == [
        {
            "value": "NCBITaxon:7955", "label": "Danio rerio", "count": answer["total"],
            "parents": ["NCBITaxon:7954"],
        }
    ]  # fmt: skip
    assert answer["sources"]["demo"]["origin"] == "replica"
    assert any("origin: replica" in warning for warning in answer["warnings"])


async def test_a_hit_is_the_record_and_says_why_it_was_found(client: Client) -> None:
    hit = (await ask(client, "q=EMPIAR-10001&size=1"))["hits"][0]
    assert hit["links"]["landing"] == "https://demo.example/one"
    assert hit["creators"][0]["orcid"] == "0000-0002-1825-0097"
    assert hit["language"] is None  # what is not known is there, and null
    assert hit["origin"] == "replica"
    assert hit["score"] > 0
    word = (await ask(client, "q=embryos&size=1"))["hits"][0]
    assert "<mark>Embryos</mark>" in word["snippets"]["description"]


async def test_all_facets_can_be_asked_at_once(client: Client) -> None:
    answer = await ask(client, "facets=all&size=0")
    assert tuple(answer["facets"]) == FACETS
    assert answer["hits"] == []
    assert answer["total"] == 7


async def test_pages_follow_next_to_the_end(client: Client) -> None:
    seen, cursor = [], ""
    for _ in range(10):
        answer = await ask(client, f"size=2&sort=newest{cursor}")
        seen += [hit["id"] for hit in answer["hits"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert len(seen) == len(set(seen)) == 7


async def test_a_withdrawn_record_is_not_found(client: Client) -> None:
    assert (await ask(client, "q=once"))["total"] == 0


async def test_filters_combine(client: Client) -> None:
    assert (await ask(client, "organism=zebrafish&license=cc+by+4.0&year=2020..2022&has=doi&bytes=1MB.."))[
        "total"
    ] == 6
    assert (await ask(client, "-organism=zebrafish"))["total"] == 1


@pytest.mark.parametrize(
    "query",
    [
        "size=101", "size=-1", "size=many", "sort=random", "colour=red", "facets=colour", "year=soon",
        "cursor=garbage", "facet_size=0", "has=wings",
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_with_advice(client: Client, query: Any) -> None:
    problem = await ask(client, query, 400)
    assert problem["status"] == 400
    assert len(problem["detail"]) > 20
    assert problem["instance"].startswith("/api/v1/search")


async def test_suggestions(client: Client) -> None:
    answer = await client.get("/api/v1/suggest?q=zeb")
    assert "zebrafish" in [word["text"] for word in (await answer.json())["suggestions"]]


async def test_too_many_waiting_searches_are_sent_away(client: Client) -> None:
    from api.node import NODE

    client.app[NODE].queue = 0
    answer = await client.get("/api/v1/search")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"


async def test_a_slow_search_does_not_hold_up_others(client: Client) -> None:
    from api.node import NODE

    node = client.app[NODE]
    slow = asyncio.ensure_future(node.off_loop(_sleep))
    answer = await client.get("/healthz")
    assert answer.status == 200
    assert not slow.done()
    await slow


def _sleep() -> None:
    import time

    time.sleep(0.3)


async def test_words_may_be_missing_where_that_is_asked_for(client: Client) -> None:
    words = "q=zebrafish+embryos+quokkas"
    assert (await ask(client, words))["total"] == 0
    assert (await ask(client, f"{words}&match=most"))["total"] >= 1
    problem = await ask(client, f"{words}&match=some", 400)
    assert "all, most, any" in problem["detail"]


async def test_what_was_looked_for_besides_is_told_and_can_be_left(client: Client) -> None:
    answer = await ask(client, "q=lightsheet")
    (told,) = answer["expanded"]
    assert told["word"] == "lightsheet"
    assert "SPIM" in told["as"]
    assert told["because"].startswith("lightsheet is a name of selective plane illumination")
    left = await ask(client, "q=lightsheet&expand=no")
    assert left["expanded"] == []
    assert 0 < left["total"] <= answer["total"]
    refused = await ask(client, "q=lightsheet&expand=perhaps", 400)
    assert "yes, no" in refused["detail"]


async def test_the_page_tells_what_it_looked_for_besides_and_links_to_leaving_it(client: Client) -> None:
    page = await (await client.get("/?q=zebrafish")).text()
    assert "zebrafish is a name of Danio rerio" in page
    assert 'href="/?q=zebrafish&amp;expand=no"' in page
    as_typed = await (await client.get("/?q=zebrafish&expand=no")).text()
    assert "zebrafish is a name" not in as_typed
    assert '<input type="hidden" name="expand" value="no">' in as_typed
    assert 'href="/?q=zebrafish"' in as_typed
