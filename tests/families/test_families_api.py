"""Families over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.families import FAMILY
from api.node import Node
from index.families.decisions import decide
from index.record import Dates, Links, Record
from index.store import Store
from tests.api.serving import Client
from tests.families.material import keep, thing
from tests.index.filling import catalogue

CONCEPT = "10.5281/zenodo.1"


def version(number: int, day: str, name: str) -> Record:
    links = Links(landing=f"https://zenodo.org/records/{number}")
    return thing(f"zenodo:{number}", doi=f"10.5281/zenodo.{number}", concept_doi=CONCEPT, version=name,
                 dates=Dates(published=day), links=links, title="Light sheet <b>embryos</b>")  # fmt: skip


RECORDS = (
    version(2, "2021-02-01", "1.9"),
    version(3, "2021-02-01", "1.10"),
    thing("figshare:9", doi="10.6084/m9.figshare.9", says={CONCEPT: "IsIdenticalTo"}),
    thing("dryad:10.5061/dryad.x", doi="10.5061/dryad.x"),
    thing("idr:alone"),
)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Two versions with a copy elsewhere; one decision by hand, with an odd reason."""
    with Store(tmp_path / "store.sqlite") as store:
        keep(store, *RECORDS)
        decide(store, "join", "figshare:9", "idr:alone", why="the <same> plates", who="ann")
        searched = catalogue(store, tmp_path)
        async with TestClient(TestServer(create_app(Node(store, searched.engine)))) as client:
            yield client
        searched.engine.close()


async def test_a_family_tells_members_reasons_and_the_newest_version(client: Client) -> None:
    answer = await (await client.get("/api/v1/records/zenodo:2/family")).json()
    jsonschema.Draft202012Validator(FAMILY).validate(answer)
    assert answer["newest_version"] == "zenodo:3"  # of one day; 1.10 comes after 1.9
    assert [(one["id"], one["newest"]) for one in answer["members"]] == [
        ("zenodo:3", True), ("zenodo:2", False), ("figshare:9", True), ("idr:alone", True),
    ]  # fmt: skip
    words = [one["words"] for one in answer["evidence"]]
    assert f"zenodo:2, zenodo:3 share {CONCEPT}, the identifier of all their versions" in words
    assert f"figshare:9 says that it is identical to {CONCEPT}; {CONCEPT} names zenodo:2, zenodo:3" in words
    assert any("joined by ann on" in one for one in words)
    (decided,) = answer["decisions"]
    assert (decided["decision"], decided["why"], decided["who"]) == ("join", "the <same> plates", "ann")


async def test_a_record_that_stands_alone_is_a_family_of_one(client: Client) -> None:
    answer = await (await client.get("/api/v1/records/dryad:10.5061/dryad.x/family")).json()
    assert [one["id"] for one in answer["members"]] == ["dryad:10.5061/dryad.x"]
    assert (answer["evidence"], answer["decisions"]) == ([], [])
    page = await (await client.get("/records/dryad:10.5061/dryad.x/family")).text()
    assert "stands alone" in page


async def test_the_page_shows_the_same_and_escapes_what_strangers_wrote(client: Client) -> None:
    page = await (await client.get("/records/zenodo:2/family")).text()
    assert "newest version" in page
    assert "is identical to" in page
    assert "the &lt;same&gt; plates" in page
    assert "<b>embryos" not in page
    assert '/records/zenodo:2/family"' in await (await client.get("/records/zenodo:2")).text()


async def test_no_record_no_family(client: Client) -> None:
    for path in ("/api/v1/records/zenodo:99/family", "/records/zenodo:99/family"):
        assert (await client.get(path)).status == 404


def run(folder: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["families", *words, "--data", str(folder)])
    text = done.output + (str(done.exception) if done.exception else "")
    return done.exit_code, " ".join(text.split())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path / "store.sqlite") as store:
        keep(store, *RECORDS)
    return tmp_path


def test_decisions_are_taken_listed_and_undone_on_the_command_line(data: Path) -> None:
    code, text = run(data, "split", "zenodo:3", "zenodo:2", "--why", "two screens", "--who", "ann")
    assert code == 0, text
    assert "decision 1: split zenodo:2 from zenodo:3 (family), ann on" in text
    assert "joins nothing: 2 data sets of zenodo bear it" in run(data, "show", "figshare:9")[1]
    assert "0 families" in run(data, "list")[1]
    assert "says the contrary" in run(data, "join", "zenodo:3", "zenodo:2", "--why", "one", "--who", "bob")[1]
    assert "undone on" in run(data, "undo", "1", "--who", "bob")[1]
    assert "3 records in families" in run(data, "list")[1]
    assert "of 5 records 3 are in 1 families" in run(data, "rebuild")[1]


def test_the_command_line_prints_json_for_programs(data: Path) -> None:
    run(data, "join", "figshare:9", "idr:alone", "--why", "the same plates", "--who", "ann")
    listed = orjson.loads(run(data, "list", "--kind", "version", "--json")[1])
    assert [group["members"] for group in listed["groups"]] == [["zenodo:2", "zenodo:3"]]
    assert [one["records"] for one in listed["decisions"]] == [["figshare:9", "idr:alone"]]
    shown = orjson.loads(run(data, "show", "idr:alone", "--json")[1])
    assert len(shown["members"]) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "zenodo:99"), "no record 'zenodo:99' is held"),
        (("list", "--kind", "clan"), "there are family and version"),
        (("undo", "7"), "there is no decision 7"),
        (("join", "zenodo:2", "zenodo:2", "--why", "so"), "name two"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(data: Path, words: tuple[str, ...], says: str) -> None:
    code, text = run(data, *words)
    assert code != 0
    assert says in text
