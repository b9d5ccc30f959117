"""Versions as one hit: the same default wherever one searches, every record in what is taken away."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.node import NODE
from api.openapi import spec
from index.families.decisions import decide
from index.record import Record, Related
from index.store import Store
from index.sync import sync
from tests.api.serving import Client
from tests.index.filling import catalogue, fill

CONCEPT = "10.1234/every"
VERSIONS = [
    Record(id=f"twin:{n}", source="twin", title=f"Twin {n}", concept_doi=CONCEPT, keywords=("twins",))
    for n in (1, 2)
]
COPY = Record(
    id="other:1",
    source="other",
    title="Twin elsewhere",
    related=(Related(relation="IsIdenticalTo", id=CONCEPT),),
    keywords=("twins",),
)
EXPECTED = {"version": 2, "family": 1, "none": 3}


def add_twins(store: Store) -> None:
    fill(store, VERSIONS, "twin")
    fill(store, [COPY], "other")


@pytest.fixture
async def twins(client: Client) -> Client:
    """Two versions of one thing, and its copy in another repository."""
    node = client.app[NODE]
    add_twins(node.store)
    sync(node.store, node.engine)
    return client


async def ask(client: Client, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert answer.status == status, await answer.text()
    return await answer.json()


async def certified(client: Client, query: str) -> Any:
    return await ask(client, f"/api/v1/certificate?{query}")


async def rerun(client: Client, made: Any) -> Any:
    return await (await client.post("/api/v1/rerun", json=made)).json()


@pytest.mark.parametrize("collapse", list(EXPECTED))
async def test_hits_and_facets_are_groups(twins: Client, collapse: str) -> None:
    answer = await ask(twins, f"/api/v1/search?q=twin&facets=keyword&collapse={collapse}")
    schema = {"$ref": "#/components/schemas/Answer", "components": spec()["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)
    assert answer["total"] == len(answer["hits"]) == EXPECTED[collapse]
    assert answer["facets"]["keyword"]["values"][0]["count"] == EXPECTED[collapse]
    told = [hit["members"] for hit in answer["hits"]]
    assert sum(told) == 3 if collapse != "none" else told == [None] * 3


@pytest.mark.parametrize("more", ["", "&as_of=12", "&sort=newest"])
async def test_versions_are_one_hit_by_default_whatever_else_is_asked(twins: Client, more: str) -> None:
    answer = await ask(twins, f"/api/v1/search?q=twin{more}")
    assert answer["snapshot"] == 12
    assert answer["total"] == EXPECTED["version"]
    assert "<b>2</b> results" in await (await twins.get(f"/?q=twin{more}")).text()


def test_the_terminal_has_the_same_default(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        add_twins(store)
        catalogue(store, tmp_path).engine.close()

    def total(*more: str) -> Any:
        found = CliRunner().invoke(app, ["search", "twin", "--json", "--data", str(tmp_path), *more])
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    assert total()["total"] == EXPECTED["version"]
    family = total("--collapse", "family", "--facets", "keyword")
    assert family["total"] == family["facets"]["keyword"]["values"][0]["count"] == EXPECTED["family"]
    said = CliRunner().invoke(app, ["search", "twin", "--facets", "keyword", "--data", str(tmp_path)])
    assert "keyword: twins 2" in said.output


# ---- what is taken away ------------------------------------------------------------------------


async def test_an_export_is_of_every_record_unless_it_says_otherwise(twins: Client) -> None:
    for collapse, count in [("", 3), *((f"&collapse={name}", count) for name, count in EXPECTED.items())]:
        answer = await twins.get(f"/api/v1/export?q=twin{collapse}")
        assert len((await answer.read()).splitlines()) == count
        assert answer.headers["X-Headwater-Count"] == str(count)


@pytest.mark.parametrize("collapse", ["", *EXPECTED])
async def test_the_page_offers_just_what_it_counts(twins: Client, collapse: str) -> None:
    text = await (await twins.get(f"/?q=twin&sort=oldest&collapse={collapse}")).text()
    (address,) = re.findall(r'href="(/api/v1/export\?[^"]*format=ndjson)"', text)
    (certificate,) = re.findall(r'href="(/api/v1/certificate\?[^"]*)"', text)
    shown = re.search(r"<b>(\d)</b>", text)
    assert shown is not None
    answer = await twins.get(unescape(address))
    assert answer.headers["X-Headwater-Count"] == shown[1] == str(EXPECTED[collapse or "version"])
    made = await ask(twins, unescape(certificate))
    assert made["result"]["count"] == int(shown[1])


@pytest.mark.parametrize("collapse", list(EXPECTED))
async def test_a_certificate_says_what_a_row_is_and_is_done_again_so(twins: Client, collapse: str) -> None:
    asked = "q=twin" if collapse == "none" else f"q=twin&collapse={collapse}"
    made = await certified(twins, asked)
    assert made["parameters"]["collapse"] == [collapse]
    assert made["result"]["count"] == EXPECTED[collapse]
    searched = await ask(twins, made["address"].removeprefix("https://search.example.org"))
    assert searched["total"] == EXPECTED[collapse]  # though a search has another default
    assert (await rerun(twins, made))["outcome"] == "same"
    assert ("one of all versions" in made["text"]) == (collapse != "none")


async def test_a_certificate_of_before_there_were_groups_is_of_every_record(twins: Client) -> None:
    made = await certified(twins, "q=twin")
    del made["parameters"]["collapse"]
    assert (await rerun(twins, made))["outcome"] == "same"


async def test_what_was_grouped_otherwise_since_is_said(twins: Client) -> None:
    made = await certified(twins, "q=twin&collapse=version")
    node = twins.app[NODE]
    decide(node.store, "split", "twin:1", "twin:2", kind="version", why="they differ", who="test")
    sync(node.store, node.engine)
    found = await rerun(twins, made)
    assert found["outcome"] == "disagrees"
    assert "grouped otherwise" in found["text"]
    of_records = await certified(twins, "q=twin")
    assert (await rerun(twins, of_records))["outcome"] == "same"


# ---- pages -------------------------------------------------------------------------------------


async def test_a_cursor_among_other_groups_is_refused_with_advice(twins: Client) -> None:
    paths = ["/api/v1/search?sort=newest&size=1", "/api/v1/facets/keyword?size=1"]
    cursors = [(await ask(twins, path))["next"] for path in paths]
    node = twins.app[NODE]
    decide(node.store, "split", "twin:1", "twin:2", kind="version", why="they differ", who="test")
    sync(node.store, node.engine)
    for path, cursor in zip(paths, cursors, strict=True):
        problem = await ask(twins, f"{path}&cursor={cursor}", 410)
        assert problem["title"] == "Cursor expired"
        assert "start the search again" in problem["detail"]
