"""What those see who watch a node: figures that agree with the store, logs that name the run, readiness."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import CapturingLogger

from api import logs
from api.node import NODE, Limits, Node
from api.problem import Problem
from config import VERSION
from harvester.replicas.server import Fault
from index import ledger
from index.figures import OUTCOMES, figures, waiting_since
from index.record import Record
from index.store import Store
from tests.api.serving import FULL, Client
from tests.conftest import bench_of
from tests.index.filling import fill

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def node_of(client: Client) -> Node:
    assert client.app is not None
    return client.app[NODE]


async def scrape(client: Client) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status == 200
    assert answer.content_type == "text/plain"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await answer.text())
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"headwater_{name}", frozenset(labels.items())]


async def test_what_is_held_is_told_by_source(client: Client) -> None:
    found = await scrape(client)
    assert of(found, "records", source="demo") == 7
    assert of(found, "withdrawn", source="demo") == 1
    assert of(found, "quarantined", source="demo") == 1
    assert of(found, "source_info", source="demo", origin="replica") == 1
    assert of(found, "fresh_seconds", source="demo") > 0
    assert of(found, "store_revision") == 9  # eight records; six of them share a DOI, and were grouped
    assert of(found, "index_lag_revisions") == 0


async def test_the_last_run_stands_in_exactly_one_state_and_tells_its_counts(client: Client) -> None:
    found = await scrape(client)
    states = {
        dict(labels)["state"]: value
        for (name, labels), value in found.items()
        if name == "headwater_last_run_state"
    }
    assert sum(states.values()) == states["complete"] == 1
    assert set(states) >= {"running", "complete", "partial", "refused", "changed", "canceled", "lost"}
    (run, *_) = node_of(client).store.runs("demo")
    for outcome in OUTCOMES:
        assert of(found, "last_run_documents", source="demo", outcome=outcome) == run[outcome]
    for name in ("requests", "bytes", "retries"):
        assert of(found, f"last_run_{name}", source="demo") == run[name]
    assert of(found, "last_run_waited_seconds", source="demo") == run["waited"]


async def test_the_program_names_itself(client: Client) -> None:
    found = await scrape(client)
    (labels,) = [dict(labels) for name, labels in found if name == "headwater_build_info"]
    assert labels["version"] == VERSION


async def test_searches_are_counted_and_timed_by_how_they_came(client: Client) -> None:
    for path in ("/api/v1/search?q=light", "/api/v1/search?q=x&year=odd", "/?q=light", "/api/v1/sources"):
        await client.get(path)
    found = await scrape(client)
    assert of(found, "searches_total", by="api", status="200") == 1
    assert of(found, "searches_total", by="api", status="400") == 1
    assert of(found, "searches_total", by="page", status="200") == 1
    assert of(found, "search_seconds_count", by="api") == 2
    assert of(found, "search_seconds_bucket", by="api", le="+Inf") == 2
    assert 0 < of(found, "search_seconds_sum", by="api") < 10
    assert of(found, "searches_in_flight", by="api") == 0
    assert of(found, "searches_refused_total", by="api") == 0


async def test_refused_searches_are_counted_and_metrics_still_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_of(client), "queue", 0)
    assert (await client.get("/api/v1/search?q=x")).status == 503
    found = await scrape(client)
    assert of(found, "searches_refused_total", by="api") == 1
    assert of(found, "searches_total", by="api", status="503") == 1
    assert (await client.get("/readyz")).status == 200


async def test_figures_of_the_store_are_read_once_a_second_at_most(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(store: Store) -> Any:
        read.append(1)
        return figures(store)

    monkeypatch.setattr("api.metrics.figures", counted)
    for _ in range(5):
        await scrape(client)
    assert len(read) == 1
    monkeypatch.setattr("api.metrics.CACHED_FOR", 0.0)
    fill(node_of(client).store, [FULL.model_copy(update={"id": "demo:new"})])
    assert of(await scrape(client), "index_lag_revisions") == 2  # a record, and its family
    assert len(read) == 2


async def test_open_metrics_are_written_for_those_who_ask(client: Client) -> None:
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type == "application/openmetrics-text"
    assert (await answer.text()).endswith("# EOF\n")


def test_reading_again_is_not_taken_for_a_harvest(store: Store) -> None:
    fill(store, [Record(id="demo:1", source="demo", title="One")])
    run_id = ledger.begin_reread(store, "demo", origin="replica", scope="everything")
    found = figures(store).sources["demo"]
    assert found.run is not None
    assert (found.run["state"], found.run["kind"]) == ("complete", "full")
    ledger.end_reread(store, run_id)


def test_what_waits_for_the_index_waits_since_its_own_transaction(store: Store) -> None:
    fill(store, [Record(id=f"demo:{n}", source="demo", title="One") for n in range(3)])
    (at,) = [waiting_since(store, 0)]
    assert at is not None
    assert waiting_since(store, 2) == at
    assert waiting_since(store, 3) is None


# ---- readiness -------------------------------------------------------------------------------


async def ready(client: Client) -> tuple[int, dict[str, Any]]:
    answer = await client.get("/readyz")
    return answer.status, await answer.json()


async def test_a_ready_node_gives_its_figures(client: Client) -> None:
    status, facts = await ready(client)
    assert status == 200
    assert (facts["ready"], facts["reasons"], facts["behind"], facts["sources"]) == (True, [], 0, 1)
    assert facts["revision"] == facts["indexed"] == 9
    assert facts["free_bytes"] > 0


async def test_a_node_whose_disk_is_nearly_full_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_of(client), "limits", Limits(free_bytes=200_000_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    status, facts = await ready(client)
    assert status == 503
    assert facts["reasons"] == ["5 MB are free under the data folder, 200 MB must be; make room"]


async def test_a_node_whose_index_waits_too_long_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_of(client)
    monkeypatch.setattr("index.sql.now", lambda: "2026-11-22T10:00:00Z")
    fill(node.store, [FULL.model_copy(update={"id": "demo:new"})])
    status, facts = await ready(client)
    assert (status, facts["behind"]) == (503, 2)
    assert "a change waits" in facts["reasons"][0]


async def test_a_node_whose_store_cannot_be_read_says_so(client: Client) -> None:
    store = node_of(client).store
    store.engine.dispose()
    for file in store.path.parent.glob("store.sqlite*"):
        file.write_bytes(b"no database" * 1000)
    status, facts = await ready(client)
    assert status == 503
    assert "the store cannot be read" in facts["reasons"][0]
    assert facts["indexed"] == 9  # what can be told is told


async def test_a_node_whose_store_is_gone_says_so(client: Client) -> None:
    node_of(client).store.path.unlink()
    status, facts = await ready(client)
    assert status == 503
    assert "gone" in facts["reasons"][0]


async def test_a_node_whose_index_is_gone_says_so(client: Client) -> None:
    node = node_of(client)
    shutil.rmtree(node.engine.folder)  # type: ignore[attr-defined]
    status, facts = await ready(client)
    assert status == 503
    assert "the index cannot be read" in facts["reasons"][0]


# ---- logs ------------------------------------------------------------------------------------


async def test_every_line_of_a_harvest_names_its_source_and_run(tmp_path: Path) -> None:
    lines = CapturingLogger()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    async with bench_of("empiar", tmp_path) as bench:
        bench.replica.faults.append(Fault("503", at=2, times=9))
        report = await bench.harvest()
        assert report.state == "partial"
        bench.replica.faults.clear()
        assert (await bench.harvest()).state == "complete"
    told = [(call.kwargs["source"], call.kwargs["run"]) for call in lines.calls]
    assert len(told) >= 2  # the waits of the client, and how the run ended
    assert set(told) == {("empiar", report.run_id)}
    assert structlog.contextvars.get_contextvars() == {}


def test_without_a_terminal_every_line_is_json_whoever_logs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info")
    with structlog.contextvars.bound_contextvars(source="idr", run=7):
        structlog.get_logger().info("waiting", seconds=1.5)
        structlog.get_logger().debug("not asked for")
        try:
            raise Problem(500, "Broken", "it is broken")
        except Problem:
            logging.getLogger("a.library").exception("went %s", "wrong")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["level"], ours["seconds"]) == ("waiting", "info", 1.5)
    assert (ours["source"], ours["run"]) == (theirs["source"], theirs["run"]) == ("idr", 7)
    assert (theirs["event"], theirs["logger"]) == ("went wrong", "a.library")
    assert "it is broken" in theirs["exception"]
    assert ours["timestamp"].endswith("Z")


def test_text_is_written_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("warning", "text")
    structlog.get_logger().info("not asked for")
    structlog.get_logger().warning("look out", source="idr")
    logging.getLogger("a.library").warning("there too")
    ours, theirs = capsys.readouterr().err.splitlines()
    assert "look out" in ours
    assert "there too" in theirs
    assert not ours.startswith("{")


def test_a_terminal_is_told_in_text_and_json_only_by_asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for form, is_json in (("auto", False), ("json", True)):
        logs.configure("info", form)  # type: ignore[arg-type]
        structlog.get_logger().info("a line")
        assert capsys.readouterr().err.startswith("{") is is_json
