"""What every source promises, one plain sentence each."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harvester import registry
from harvester.rehearse import REPLICAS
from harvester.run import Report
from harvester.source import Document, Source
from index.prepared import completed, prepare
from tests.conftest import Bench, bench_of
from tests.sources.routes import ROUTES, Route

HERE = Path(__file__).parent
EMAIL = re.compile(rb"[\w.+-]+@[\w-]+\.\w{2,}")

each_source = pytest.mark.parametrize("source", registry.SOURCES, ids=lambda source: source.card.name)
each_route = pytest.mark.parametrize("route", ROUTES, ids=str)


def bundled_documents(source: Source) -> list[Document]:
    replica = REPLICAS[source.card.name]
    return [
        document for body in replica.as_documents(replica.bundled()) for document in source.documents(body)
    ]


@each_source
def test_the_card_bears_the_modules_name(source: Source) -> None:
    assert source.__name__ == f"harvester.sources.{source.card.name}"  # type: ignore[attr-defined]


@each_source
def test_the_file_opens_with_its_four_words(source: Source) -> None:
    text = source.__doc__ or ""
    assert re.findall(r"^(Asked|Changes|Deleted|Quirks):", text, re.MULTILINE) == [
        "Asked",
        "Changes",
        "Deleted",
        "Quirks",
    ]


@each_source
def test_each_no_on_the_card_has_a_reason(source: Source) -> None:
    for answer in (source.card.incremental, source.card.deletions):
        assert not answer.startswith("no") or re.match(r"no: .{20,}", answer)


@each_source
def test_the_source_has_recorded_pages_a_note_and_a_replica(source: Source) -> None:
    folder = HERE / source.card.name
    assert list((folder / "pages").iterdir())
    assert (folder / "NOTE.md").read_text("utf-8").strip()
    assert source.card.name in REPLICAS


def test_every_source_file_is_in_the_table_of_contents() -> None:
    folder = Path(import_module("harvester.sources").__file__ or "").parent
    files = {path.stem for path in folder.iterdir() if path.stem not in {"__init__", "__pycache__"}}
    assert files == {source.card.name for source in registry.SOURCES}


@each_source
def test_the_replica_holds_at_least_forty_documents(source: Source) -> None:
    assert len(REPLICAS[source.card.name].bundled()) >= 40


@each_source
def test_no_upstream_field_is_left_unlooked_at(source: Source) -> None:
    left = {
        path: document.id for document in bundled_documents(source) for path in source.read(document).unmapped
    }
    assert left == {}


@each_source
def test_ids_are_unique_and_lead_back_to_the_upstream(source: Source) -> None:
    records = [source.read(document).record for document in bundled_documents(source)]
    assert len({record.id for record in records}) == len(records)
    for record in records:
        assert record.id.startswith(f"{source.card.name}:")
        assert record.links.landing is not None
        assert record.links.landing.startswith("https://")


@each_source
def test_no_email_address_survives_reading(source: Source) -> None:
    for document in bundled_documents(source):
        body = source.read(document).record.model_dump_json().encode()
        assert EMAIL.search(body) is None


@each_source
def test_reading_is_pure(source: Source) -> None:
    for document in bundled_documents(source):
        assert source.read(document) == source.read(document)


@each_source
def test_a_stored_record_comes_back_whole(source: Source) -> None:
    for document in bundled_documents(source):
        record = source.read(document).record
        stored = {**json.loads(prepare(record).body), "retrieved_at": None, "mapping_version": 1}
        assert completed(stored) == {**record.model_dump(mode="json"), "mapping_version": 1}


@each_route
async def test_a_complete_harvest_holds_every_document(route: Route, tmp_path: Path) -> None:
    async with bench_of(route.source, tmp_path) as bench:
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.state == "complete", report.error
        assert report.counts["quarantined"] == 0
        if route.whole:
            held = len(bench.content()) + report.counts["out_of_scope"]
            assert held == REPLICAS[route.source].studies(bench.replica.holdings)


@each_route
async def test_harvesting_again_changes_nothing(route: Route, tmp_path: Path) -> None:
    async with bench_of(route.source, tmp_path) as bench:
        await bench.harvest(scope=route.scope, options=route.options)
        before, revision = bench.content(), bench.store.revision()
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.state == "complete", report.error
        assert bench.store.revision() == revision
        assert bench.content() == before
        assert report.counts["added"] == report.counts["changed"] == report.counts["withdrawn"] == 0


@each_route
async def test_stopping_after_any_page_and_going_on_gives_the_same_records(
    route: Route, tmp_path: Path
) -> None:
    async with bench_of(route.source, tmp_path) as whole:
        report = await whole.harvest(scope=route.scope, options=route.options)
        pages, expected = report.pages, whole.content()
    for stop in range(1, min(pages, 6)):
        folder = tmp_path / str(stop)
        folder.mkdir()
        async with bench_of(route.source, folder) as bench:
            with pytest.raises(_Stopped):
                await bench.harvest(scope=route.scope, watch=_stop_after(stop), options=route.options)
            report = await bench.harvest(scope=route.scope, options=route.options)
            assert report.state == "complete", report.error
            assert bench.content() == expected


@each_source
async def test_a_sample_takes_no_more_than_it_was_asked_for(source: Source, tmp_path: Path) -> None:
    scope = source.card.scopes[0]
    async with bench_of(source.card.name, tmp_path) as bench:
        report = await bench.harvest(kind="sample", scope=scope, newest=5)
        assert report.state == "complete", report.error
        taken = len(bench.content())
        assert taken >= 1
        if "everything" not in source.card.scopes[:1]:  # archives of images alone are taken whole
            assert taken <= 5


class _Stopped(Exception):
    pass


def _stop_after(pages: int) -> Any:
    def watch(report: Report) -> None:
        if report.pages >= pages and report.state == "running":
            raise _Stopped

    return watch


@each_route
async def test_a_changed_document_becomes_a_new_version(route: Route, tmp_path: Path) -> None:
    async with bench_of(route.source, tmp_path) as bench:
        await bench.harvest(scope=route.scope, options=route.options)
        id_ = min(bench.content())
        upstream_id = bench.store.upstream_id(id_)
        assert upstream_id is not None
        bench.replica.change(upstream_id, "A title that was changed for microscopy")
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.counts["changed"] == 1, report
        kept = bench.store.get(id_)
        assert kept is not None
        assert kept.record().title == "A title that was changed for microscopy"


@each_route
async def test_a_withdrawn_document_leaves_a_tombstone(route: Route, tmp_path: Path) -> None:
    source = registry.source(route.source)
    if not source.card.absent_means_gone:
        pytest.skip(f"{route.source} says nothing of withdrawals: {source.card.deletions}")
    async with bench_of(route.source, tmp_path) as bench:
        await bench.harvest(scope=route.scope, options=route.options)
        id_ = min(bench.content())
        upstream_id = bench.store.upstream_id(id_)
        assert upstream_id is not None
        bench.replica.listed().withdraw(upstream_id)
        bench.replica.memory.clear()
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.counts["withdrawn"] == 1, report
        kept = bench.store.get(id_)
        assert kept is not None
        assert kept.state == "withdrawn"
        assert kept.record().title is not None  # the last copy stays
        assert id_ not in bench.content()


FAULTS = {
    "503": "complete",
    "503-date": "complete",
    "429": "complete",
    "429-after": "complete",
    "429-long": "partial",
    "html": "complete",
    "empty-202": "complete",
    "waf-202": "refused",
    "403": "refused",
    "410": "changed",
    "422": "changed",
    "broken": "complete",
    "cut": "complete",
}
"""What one fault on the second request leads to: retried, or the right one of the errors."""


@each_route
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_ends_in_the_right_error_and_loses_nothing(
    route: Route, fault: str, tmp_path: Path
) -> None:
    async with bench_of(route.source, tmp_path) as calm:
        await calm.harvest(scope=route.scope, options=route.options)
        expected = calm.content()
    folder = tmp_path / "stormy"
    folder.mkdir()
    async with bench_of(route.source, folder) as bench:
        _strike(bench, fault, times=1)
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.state == FAULTS[fault], report.error
        bench.replica.faults.clear()
        again = await bench.harvest(scope=route.scope, options=route.options)
        assert again.state == "complete", again.error
        assert bench.content() == expected


@each_route
@pytest.mark.parametrize("fault", ["503", "html", "broken", "cut", "empty-202", "429", "slow"])
async def test_a_fault_that_lasts_is_an_outage_and_never_an_empty_list(
    route: Route, fault: str, tmp_path: Path
) -> None:
    async with bench_of(route.source, tmp_path) as bench:
        await bench.harvest(scope=route.scope, options=route.options)
        before = bench.content()
        _strike(bench, fault, times=10_000)
        report = await bench.harvest(scope=route.scope, options=route.options)
        assert report.state == "partial", report
        assert bench.content() == before


def _strike(bench: Bench, fault: str, times: int) -> None:
    from harvester.replicas.server import Fault

    bench.replica.faults.append(Fault(fault, at=2, times=times))
