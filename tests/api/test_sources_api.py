"""/api/v1/sources, /healthz and /readyz tell the truth."""

from __future__ import annotations

import pytest

from api.node import NODE, Limits
from index.record import Record
from tests.api.serving import Client
from tests.index.filling import fill


async def test_sources_are_listed_with_counts_and_freshness(client: Client) -> None:
    (source,) = (await (await client.get("/api/v1/sources")).json())["sources"]
    assert (source["name"], source["records"], source["withdrawn"], source["origin"]) == (
        "demo",
        7,
        1,
        "replica",
    )
    assert source["state"] == "complete"
    assert source["fresh_at"]


async def test_one_source_has_its_runs(client: Client) -> None:
    body = await (await client.get("/api/v1/sources/demo")).json()
    assert len(body["runs"]) == 2
    assert "worker" not in body["runs"][0]
    assert {"code", "unchanged_answers"} <= body["runs"][0].keys()
    runs = await (await client.get("/api/v1/sources/demo/runs")).json()
    assert runs["runs"][0]["findings"] == []


async def test_one_source_is_told_as_among_all_and_nothing_is_gathered_of_the_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client.app[NODE].store, [Record(id="other:1", source="other", title="Of another")], source="other")
    listed = (await (await client.get("/api/v1/sources")).json())["sources"]
    assert [each["name"] for each in listed] == ["demo", "other"]
    asked = list[str]()
    monkeypatch.setattr("api.sources._newest", lambda _node, name: asked.append(name))
    body = await (await client.get("/api/v1/sources/demo")).json()
    assert asked == ["demo"]
    assert {**listed[0], "newest": None} == {name: body[name] for name in listed[0]}


async def test_an_unknown_source_is_a_problem(client: Client) -> None:
    assert (await client.get("/api/v1/sources/nobody")).status == 404
    assert (await client.get("/api/v1/sources/nobody/runs")).status == 404


async def test_health_and_readiness(client: Client) -> None:
    assert (await client.get("/healthz")).status == 200
    ready = await (await client.get("/readyz")).json()
    assert ready["ready"] is True
    assert ready["behind"] == 0


async def test_readiness_says_when_the_index_is_far_behind(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app[NODE], "limits", Limits(behind=-1))
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert "behind" in (await answer.json())["reasons"][0]


async def test_a_method_not_offered_is_a_problem(client: Client) -> None:
    answer = await client.post("/api/v1/search")
    assert answer.status == 405
    assert "GET" in (await answer.json())["detail"]


async def test_a_fault_of_ours_is_told_in_one_sentence(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.sources.overview", lambda _node: 1 / 0)
    answer = await client.get("/api/v1/sources")
    assert answer.status == 500
    assert "operator" in (await answer.json())["detail"]
