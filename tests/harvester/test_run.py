"""A run believes no miracles, and whatever ends it, nothing is lost."""

from __future__ import annotations

import asyncio
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import VERSION
from config.settings import Settings
from harvester import jobs, registry
from harvester import reader as reading
from harvester.http import Http, Polite
from harvester.reader import Reader, read_batch
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Fault, Replica
from harvester.run import Order, harvest, reread
from harvester.source import Card
from index import intake, ledger
from index import tables as t
from index.batch import Unread
from index.past import pasts
from index.store import Store
from tests.conftest import IMPATIENT, Bench, bench_of

NOBODY = "http://127.0.0.1:9"
"""A port of loopback at which nobody listens."""


class Loopback(Http):
    """A client that finds its live upstream on loopback."""

    base = ""

    def client(self, card: Card, *, replica: str | None = None) -> Polite:
        return super().client(card, replica=replica or self.base)


async def live(store: Store, base: str, name: str = "idr") -> Any:
    """Harvest a source as if it were the live upstream."""
    async with Loopback(user_agent="Headwater/test (+mailto:test@example.org)", manners=IMPATIENT) as http:
        assert isinstance(http, Loopback)
        http.base = base
        return await harvest(store, http, Order(registry.source(name), "everything", "full"))


async def test_a_complete_harvest_that_holds_too_little_is_not_believed(store: Store) -> None:
    async with Replica(REPLICAS["idr"], Stock().of("idr")) as upstream:
        report = await live(store, upstream.base)
    assert report.state == "changed"
    assert "holds at least 130" in report.error


async def test_too_much_vanishing_at_once_is_refused(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest()
        before = bench.content()
        for id_ in sorted(bench.replica.listed().held)[:15]:
            bench.replica.listed().withdraw(id_)
        bench.replica.memory.clear()
        report = await bench.harvest()
        assert report.state == "changed", report
        assert "vanished at once" in (report.error or "")
        assert bench.content() == before


async def test_live_records_take_the_place_of_a_replicas_and_never_stand_beside_them(
    tmp_path: Path,
) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest()
        assert len(bench.content()) >= 40
        few = REPLICAS["idr"].bundled()
        for id_ in sorted(few.held)[3:]:
            few.withdraw(id_)
        async with Replica(REPLICAS["idr"], few) as upstream:
            await live(bench.store, upstream.base)
        origins = {kept.origin for id_ in bench.content() if (kept := bench.store.get(id_))}
        assert origins == {"live"}


def held(store: Store) -> tuple[Any, ...]:
    """All that a source has: where it stands, without how its last run went, and its records."""
    state = store.source_states()["idr"]
    return replace(state, last_state=None, last_error=None, last_run=None), store.ids("idr"), store.revision()


async def test_a_live_upstream_that_does_not_answer_costs_nothing_of_what_a_replica_gave(
    tmp_path: Path,
) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest()
        before = held(bench.store)
        report = await live(bench.store, NOBODY)
        assert (report.state, report.pages) == ("partial", 0)
        assert held(bench.store) == before
        assert (
            bench.store.runs("idr")[0]["announced"] is None
        )  # what the replica announced is no word of theirs
        assert pasts(bench.store)["idr"].fresh_at is not None


async def test_a_bookmark_and_unread_documents_are_kept_for_their_own_origin(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        bench.replica.faults.append(Fault("503", at=4, times=1000))
        assert (await bench.harvest()).state == "partial"
        assert bench.store.source_states()["empiar"].bookmark is not None
        with bench.store.transaction() as connection:
            connection.execute(t.documents.update().values(state="unread"))
        waiting = len(intake.unread(bench.store, "empiar", 500))
        assert waiting
        await live(bench.store, NOBODY, "empiar")
        assert len(intake.unread(bench.store, "empiar", 500)) == waiting
        run = ledger.begin(bench.store, "empiar", origin="live", scope="everything", kind="full")
        assert (run.bookmark, run.displaces) == (None, "replica")
        ledger.end(bench.store, run.run_id, state="partial")
        bench.replica.faults.clear()
        report = await bench.harvest()
        assert (report.state, report.origin) == ("complete", "replica")
        assert report.harvest_run == 1  # it went on where the replica was left


def test_the_watermark_of_a_replica_is_no_watermark_of_the_upstream(store: Store) -> None:
    first = ledger.begin(store, "dryad", origin="replica", scope="everything", kind="full")
    ledger.end(store, first.run_id, state="complete")
    assert ledger.begin(store, "dryad", origin="live", scope="everything", kind="changes").since is None
    order = jobs.order_of(store, Settings(), jobs.Wanted(["dryad"], "everything"), "dryad", None)
    assert order.kind == "full"
    order = jobs.order_of(store, Settings(), jobs.Wanted(["dryad"], "everything"), "dryad", NOBODY)
    assert order.kind == "changes"


def test_a_run_that_got_no_page_closes_no_harvest_of_another_origin(store: Store) -> None:
    first = ledger.begin(store, "dryad", origin="replica", scope="everything", kind="full")
    ledger.end(store, first.run_id, state="complete")
    before = store.source_states()["dryad"].fresh_at
    other = ledger.begin(store, "dryad", origin="live", scope="imaging", kind="full", card={"title": "Dryad"})
    ledger.end(store, other.run_id, state="complete")
    state = store.source_states()["dryad"]
    assert (state.origin, state.scope, state.fresh_at) == ("replica", "everything", before)


async def test_a_run_notes_the_program_and_the_answers_that_had_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        client = bench.http.client

        def told_of_304(card: Card, **where: Any) -> Polite:
            found = client(card, **where)
            found.traffic.unchanged = 3
            return found

        monkeypatch.setattr(bench.http, "client", told_of_304)
        await bench.harvest()
        reread(bench.store, registry.source("empiar"))
        again, first = bench.store.runs("empiar")
    assert (first["code"], first["unchanged_answers"]) == (VERSION, 3)
    assert (again["code"], again["unchanged_answers"]) == (VERSION, 0)


async def test_a_list_shorter_than_announced_is_partial_and_the_next_harvest_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("dryad", tmp_path) as bench:
        announced = len(bench.replica.holdings) + 5

        async def boasting(fetch: Any, ask: Any) -> Any:
            async for page in registry.source("dryad").__dict__["honest"](fetch, ask):
                yield replace(page, announced=announced)

        source = registry.source("dryad")
        monkeypatch.setattr(source, "honest", source.pages, raising=False)
        monkeypatch.setattr(source, "pages", boasting)
        report = await bench.harvest()
        assert report.state == "partial", report
        assert f"announced {announced} documents" in (report.error or "")
        monkeypatch.setattr(source, "pages", source.__dict__["honest"])
        assert bench.store.source_states()["dryad"].fresh_at is None
        again = await bench.harvest()
        assert (again.state, again.counts["seen"]) == ("complete", announced - 5)


async def test_a_run_that_is_canceled_ends_soon_keeps_what_it_has_and_goes_on_later(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        expected = bench.content()
        bench.replica.asked.clear()
        bench.replica.faults.append(Fault("stall"))
        under_way = asyncio.create_task(bench.harvest())
        while not bench.replica.asked:  # noqa: ASYNC110  # the replica has no event for it
            await asyncio.sleep(0.01)
        assert ledger.cancel(bench.store, "figshare") is None
        assert ledger.cancel(bench.store, "empiar") is not None
        report = await asyncio.wait_for(under_way, 5)
        assert report.state == "canceled"
        bench.replica.faults.clear()
        assert [run["state"] for run in bench.store.runs("empiar")] == ["canceled", "complete"]
        again = await bench.harvest()
        assert (again.state, bench.content()) == ("complete", expected)


async def test_what_was_kept_but_not_read_is_read_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("empiar", tmp_path) as bench:

        async def stopped(*_: Any) -> Any:
            raise MemoryError

        with monkeypatch.context() as broken:
            broken.setattr(Reader, "read", stopped)
            with pytest.raises(MemoryError):
                await bench.harvest()
        assert intake.unread(bench.store, "empiar", 500)
        report = await bench.harvest()
        assert report.state == "complete"
        assert intake.unread(bench.store, "empiar", 500) == []
        assert len(bench.content()) >= 40


async def test_reading_again_finds_what_a_mended_mapping_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = registry.source("empiar")
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        asked = len(bench.replica.asked)
        read = source.read

        def mended(document: Any) -> Any:
            result = read(document)
            record = result.record.model_copy(update={"publisher": "A publisher the mapping forgot"})
            return type(result)(record, result.unmapped, result.notes)

        monkeypatch.setattr(source, "read", mended)
        report = reread(bench.store, source)
        assert report.counts["changed"] == len(bench.content())
        assert all(b"A publisher the mapping forgot" in body for body in bench.content().values())
        assert len(bench.replica.asked) == asked  # no upstream was asked


def waiting(bench: Bench) -> list[Unread]:
    return next(intake.all_documents(bench.store, "empiar", 500))


async def test_a_reading_process_reads_as_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONG", 0)
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        batch = waiting(bench)
        source = registry.source("empiar")
        reader = Reader(source, "everything")
        beside = await reader.read(batch)
        reader.close()
    assert beside == read_batch(source, "everything", batch, reading.LOOK_AT_ONE_IN)


async def test_when_the_reading_process_dies_we_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONG", 0)
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        batch = waiting(bench)
        reader = Reader(registry.source("empiar"), "everything")
        first = await reader.read(batch)
        (beside,) = multiprocessing.active_children()
        beside.kill()
        assert await reader.read(batch) == first
        assert await reader.read(batch) == first
        assert multiprocessing.active_children() == []
        reader.close()
