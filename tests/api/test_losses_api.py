"""What becomes of a source's fields is told as JSON, as a page and on the command line."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.node import NODE
from index import ledger, losses
from index.losses import Fates, Seen
from index.store import Store
from tests.api.serving import Client

STRANGE = {
    "entry:": Seen(60, None),
    "entry:title": Seen(60, "A <b>title</b>"),
    "entry:phone": Seen(9, None),
    "entry:dates/date[Collected]": Seen(7, "2019", is_known=False),
}
"""A mapped path, one left out, and one nobody knows; brackets and tags must not be taken for markup."""


def fill(store: Store) -> int:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full").run_id
    losses.keep_fates(
        store, "demo", Fates({"entry:title": ["title", losses.ALL]}, {"phone": "nobody's business"})
    )
    with store.transaction() as connection:
        drift = losses.keep(connection, run, "demo", STRANGE)
        for (kind, what), (count, example) in drift.items():
            connection.exec_driver_sql(
                "INSERT INTO findings VALUES (?, ?, ?, ?, ?)", (run, kind, what, count, example)
            )
    ledger.end(store, run, state="complete")
    return run


@pytest.fixture
def strange(client: Client) -> Client:
    """A node whose source told something nobody knows."""
    assert client.server is not None
    fill(client.server.app[NODE].store)  # type: ignore[attr-defined]  # a test server has its app
    return client


async def test_the_fields_of_a_source_are_listed_the_unknown_first(strange: Client) -> None:
    body = await (await strange.get("/api/v1/sources/demo/loss")).json()
    assert body["counts"] == {"unknown": 1, "mapped": 1, "ignored": 1}
    assert body["forms"] == {"entry": 60}
    assert body["drift"] == ["new: entry:dates/date[Collected]"]
    unknown, mapped, ignored = body["paths"]
    assert (unknown["path"], unknown["seen"], unknown["documents"], unknown["example"]) == (
        "dates/date[Collected]",
        7,
        60,
        "2019",
    )
    assert (mapped["becomes"], mapped["fields"]) == ("mapped", ["title"])
    assert (ignored["becomes"], ignored["why"]) == ("ignored", "nobody's business")


async def test_a_source_harvested_before_fields_were_counted_has_none(client: Client) -> None:
    body = await (await client.get("/api/v1/sources/demo/loss")).json()
    assert (body["paths"], body["counts"]) == ([], {"unknown": 0, "mapped": 0, "ignored": 0})
    assert "No document was looked at yet" in await (await client.get("/sources/demo/loss")).text()


async def test_a_source_nobody_harvested_is_not_found(client: Client) -> None:
    assert (await client.get("/api/v1/sources/nobody/loss")).status == 404
    assert (await client.get("/sources/nobody/loss")).status == 404


async def test_the_page_shows_fields_and_drift_and_no_markup_of_strangers(strange: Client) -> None:
    page = await (await strange.get("/sources/demo/loss")).text()
    assert "dates/date[Collected]" in page
    assert "<b>unknown</b>" in page
    assert "left out: nobody&#39;s business" in page
    assert "A &lt;b&gt;title" in page
    assert "Drift: new: entry:dates/date[Collected]" in page


async def test_drift_shows_beside_the_source_and_with_its_run(strange: Client) -> None:
    (source,) = (await (await strange.get("/api/v1/sources")).json())["sources"]
    assert source["drift"] == ["new: entry:dates/date[Collected]"]
    page = await (await strange.get("/sources")).text()
    assert "tells other fields than it used to: new: entry:dates/date[Collected]." in page
    assert 'href="/sources/demo/loss"' in page
    runs = (await (await strange.get("/api/v1/sources/demo/runs")).json())["runs"]
    assert [found["kind"] for found in runs[0]["findings"]] == ["drift"]


async def test_drift_is_told_through_five_runs_and_then_only_in_the_table(strange: Client) -> None:
    assert strange.server is not None
    store = strange.server.app[NODE].store  # type: ignore[attr-defined]
    for _ in range(losses.RUNS_TOLD):
        assert losses.drift(store)
        run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full").run_id
        ledger.end(store, run, state="complete")
    assert losses.drift(store) == {}
    assert losses.table(store, "demo")[0].fate.becomes == "unknown"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one strange source and no index."""
    with Store(tmp_path / "store.sqlite") as store:
        fill(store)
    return tmp_path


def test_the_command_prints_the_table_for_people_and_programs(data: Path) -> None:
    shown = CliRunner().invoke(app, ["sources", "loss", "demo", "--data", str(data)])
    assert shown.exit_code == 0
    assert "entry:dates/date[Collected]" in shown.output
    assert "1 mapped, 1 left out on purpose, 1 unknown" in shown.output
    told = CliRunner().invoke(app, ["sources", "loss", "demo", "--data", str(data), "--json"])
    assert orjson.loads(told.stdout)["counts"]["unknown"] == 1


def test_sources_still_lists_the_sources_by_itself(data: Path) -> None:
    told = CliRunner().invoke(app, ["sources", "--data", str(data), "--json"])
    assert {source["name"] for source in orjson.loads(told.stdout)["sources"]} >= {"idr", "zenodo"}
    shown = CliRunner().invoke(app, ["sources", "--data", str(data)])
    assert (shown.exit_code, "EMPIAR" in shown.output) == (0, True)


def test_the_command_says_what_to_do_about_a_source_nobody_harvested(data: Path) -> None:
    refused = CliRunner().invoke(app, ["sources", "loss", "idr", "--data", str(data)])
    assert refused.exit_code != 0
    assert "idr was never harvested" in str(refused.exception)
