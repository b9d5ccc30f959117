"""/api/v1/facets, collapse, histograms and the time limit, as the API and the page give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from api.node import NODE
from api.openapi import spec
from api.searching import show
from tests.api.serving import Client, served
from tests.index import filling


async def ask(client: Client, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert answer.status == status, await answer.text()
    return await answer.json()


@pytest.mark.parametrize("query", ["", "?q=copy&size=1", "?-organism=mouse&collapse=family"])
async def test_a_facet_keeps_to_its_schema(client: Client, query: Any) -> None:
    schema = {"$ref": "#/components/schemas/FacetPage", "components": spec()["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    for name in ("keyword", "organism", "year"):
        validator.validate(await ask(client, f"/api/v1/facets/{name}{query}"))


async def test_a_facet_is_walked_to_its_end(client: Client) -> None:
    whole = (await ask(client, "/api/v1/facets/keyword?q=zebrafish"))["values"]
    assert {"value": "gastrulation", "label": "gastrulation", "count": 6} in whole
    seen, cursor = [], ""
    for _ in range(10):
        page = await ask(client, f"/api/v1/facets/keyword?q=zebrafish&size=1{cursor}")
        seen += page["values"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == whole


async def test_a_level_says_how_much_is_below(client: Client) -> None:
    (top,) = (await ask(client, "/api/v1/facets/organism?facet_parent=top"))["values"]
    assert top["count"] == 6
    assert top["children"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/facets/wings", "/api/v1/facets/keyword?size=0", "/api/v1/facets/keyword?size=1001",
        "/api/v1/facets/keyword?facets=year", "/api/v1/facets/keyword?facet_parent=x",
        "/api/v1/facets/keyword?cursor=garbage", "/api/v1/search?collapse=all",
        "/api/v1/search?missing=wings",
        "/api/v1/search?facet_mode=best", "/api/v1/search?histograms=weight",
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_with_advice(client: Client, path: Any) -> None:
    assert len((await ask(client, path, 400))["detail"]) > 20


async def test_bars_are_links(client: Client) -> None:
    answer = await ask(client, "/api/v1/search?histograms=all&size=0")
    assert answer["histograms"]["bytes"] == {
        "bars": [{"low": 10**6, "high": 10**7 - 1, "count": 6, "filter": "1000000..9999999"}],
        "missing": 1,
    }
    for name, counted in answer["histograms"].items():
        for bar in counted["bars"]:
            assert (await ask(client, f"/api/v1/search?{name}={bar['filter']}"))["total"] == bar["count"]


async def test_what_there_was_no_time_for_is_said(client: Client) -> None:
    client.app[NODE].catalogue.seconds = 0.0
    answer = await ask(client, "/api/v1/search?facets=kind")
    assert answer["partial"] is True
    assert answer["total"] == 7
    assert any("kind not counted" in warning for warning in answer["warnings"])
    page = await client.get("/")
    assert "not counted" in await page.text()


async def test_an_answer_of_some_shards_says_of_how_many(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(filling, "SHARDS", 3)
    schema = {"$ref": "#/components/schemas/Answer", "components": spec()["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    async with served(tmp_path) as client:
        whole = await ask(client, "/api/v1/search?facets=kind")
        validator.validate(whole)
        assert (whole["partial"], whole["searched"], whole["total"]) == (False, None, 7)
        client.app[NODE].catalogue.seconds = 0.0
        answer = await ask(client, "/api/v1/search?facets=kind&q=zebrafish")
        validator.validate(answer)
        assert (answer["partial"], answer["searched"]) == (True, {"shards": 0, "of": 3})
        assert (answer["total"], answer["facets"], answer["next"]) == (0, {}, None)
        assert (answer["why_empty"], answer["did_you_mean"]) == (None, None)
        assert any("0 of 3 parts of the index searched" in warning for warning in answer["warnings"])
        text = await (await client.get("/?q=zebrafish")).text()
        assert "records in 0 of 3 parts of the index" in text
        show(answer)
        rows = (await (await client.get("/api/v1/export?format=ndjson")).text()).splitlines()
        assert len(rows) >= 7
        page = await ask(client, "/api/v1/facets/kind")
        assert sum(value["count"] for value in page["values"]) == 7


async def test_the_page_links_what_is_not_stated_and_further_values(client: Client) -> None:
    text = await (await client.get("/?collapse=none")).text()
    assert "missing=organism" in text
    chosen = await (await client.get("/?missing=organism&missing=license")).text()
    assert "Not stated: Organism" in chosen
    assert '<a class="on" href="/?missing=license">not stated' in chosen
