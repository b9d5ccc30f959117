"""Harvesting for ever. `world` is what a node lives in: replicas with faults, a clock that can be turned."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from config.settings import Settings, SourceSettings
from harvester import registry
from harvester import schedule as scheduling
from harvester.http import Http
from harvester.rehearse import replicas
from harvester.replicas.server import Fault, Replica
from harvester.run import Order, Report, Watch, harvest
from harvester.schedule import Keeper, keeping
from index import ledger
from index import tables as t
from index.past import Past, note_schedules, pasts
from index.pauses import pause, resume
from index.store import Store
from tests.api.test_cli import _address, start
from tests.conftest import IMPATIENT, bench_of

DAY = timedelta(days=1)


@dataclass
class Upstreams:
    """Two small upstreams, what they are asked, and the time."""

    store: Store
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    later: timedelta = timedelta()

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.later

    @asynccontextmanager
    async def running(self, names: Sequence[str]) -> AsyncIterator[dict[str, Replica]]:
        async with replicas(names) as running:
            for name, replica in running.items():
                replica.faults.extend(self.faults.get(name, ()))
            self.replicas = running
            yield running

    def kept(
        self, *names: str, watch: Watch = lambda _: None, at_once: int = 8, offline: bool = True, **own: str
    ) -> AbstractAsyncContextManager[Keeper]:
        """Look after sources; `empiar="daily"` is a schedule of the operator's."""
        of_source = {name: SourceSettings(schedule=word) for name, word in own.items()}
        settings = Settings(
            data=self.store.path.parent, offline=offline, harvests_at_once=at_once, sources=of_source
        )
        told = lambda name, text: self.notes.append((name, text))  # noqa: E731
        return keeping(self.store, settings, names, told, watch, self.clock)

    def states(self, name: str) -> list[str]:
        """How the runs of a source ended, oldest first."""
        return [run["state"] for run in reversed(self.store.runs(name))]


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> Upstreams:
    upstreams = Upstreams(store)
    monkeypatch.setattr(scheduling, "replicas", upstreams.running)
    monkeypatch.setattr(Http, "of", partial(Http.of, manners=IMPATIENT))
    return upstreams


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # what is waited for lies in the store
            await asyncio.sleep(0.01)


def failed(store: Store, name: str, *, state: str, times: int = 1) -> None:
    """Write failed runs into the ledger."""
    for _ in range(times):
        run = ledger.begin(store, name, origin="replica", scope="everything", kind="full")
        ledger.end(store, run.run_id, state=state, error="made up")


async def test_a_first_start_harvests_what_was_never_harvested_side_by_side(world: Upstreams) -> None:
    world.faults = {name: [Fault("stall", times=1000)] for name in ("empiar", "idr")}
    async with world.kept("empiar", "idr"):
        await until(lambda: all(replica.asked for replica in world.replicas.values()))
        assert world.states("empiar") == world.states("idr") == ["running"]
    world.faults.clear()
    async with world.kept("empiar", "idr"):
        await until(lambda: world.states("empiar")[-1] == world.states("idr")[-1] == "complete")


async def test_a_restart_waits_for_the_rest_of_the_interval(world: Upstreams) -> None:
    async with world.kept("empiar"):
        await until(lambda: world.states("empiar") == ["complete"])
    world.later = 3 * DAY
    async with world.kept("empiar") as keeper:
        due = keeper.dues()["empiar"].at
        assert due is not None
        assert 3.9 * DAY < due - world.clock() < 4.1 * DAY
        appointment = keeper.timer.get_job("empiar").next_run_time
        assert 3.9 * DAY < appointment - datetime.now(UTC) < 4.1 * DAY
        assert world.replicas["empiar"].asked == []


async def test_what_fell_due_while_nobody_was_up_is_caught_up_once(world: Upstreams) -> None:
    async with world.kept("empiar"):
        await until(lambda: world.states("empiar") == ["complete"])
    world.later = 30 * DAY
    async with world.kept("empiar") as keeper:
        await until(lambda: len(world.states("empiar")) == 2 and not keeper.under_way)
        await until(lambda: keeper.timer.get_job("empiar") is not None)
        appointment = keeper.timer.get_job("empiar").next_run_time
        assert appointment > datetime.now(UTC) + scheduling.PAUSE / 2
    assert world.states("empiar") == ["complete", "complete"]


async def test_the_operators_word_counts_more_than_the_cards_and_off_means_off(world: Upstreams) -> None:
    async with world.kept("empiar", "idr", empiar="6h", idr="off") as keeper:
        await until(lambda: world.states("empiar") == ["complete"] and not keeper.under_way)
        at = keeper.dues()["empiar"].at
        assert at is not None
        assert at - world.clock() < timedelta(hours=7)
        assert keeper.timer.get_job("idr") is None
        assert world.states("idr") == []
    assert ("idr", "is not harvested (off)") in world.notes
    assert world.store.source_states()["empiar"].card["schedule"] == "6h"


async def test_a_source_that_is_not_enabled_is_off(world: Upstreams) -> None:
    settings = Settings(sources={"empiar": SourceSettings(enabled=False)})
    assert scheduling.effective(settings, ["empiar"])["empiar"].text == "off"


async def test_a_paused_source_is_left_alone_until_it_is_resumed(world: Upstreams) -> None:
    async with world.kept("empiar", "idr"):
        await until(lambda: world.states("empiar") == world.states("idr") == ["complete"])
    pause(world.store, "empiar", why="it moves", who="Jane")
    world.later = 30 * DAY
    async with world.kept("empiar", "idr") as keeper:
        await until(lambda: world.states("idr") == ["complete"] * 2 and not keeper.under_way)
        assert world.states("empiar") == ["complete"]
        assert keeper.dues()["empiar"].why.endswith("it moves")
        resume(world.store, "empiar")
        await keeper.arrange()
        await until(lambda: world.states("empiar") == ["complete"] * 2)


async def test_a_pause_between_an_appointment_and_its_harvest_counts(world: Upstreams) -> None:
    async with world.kept("empiar") as keeper:
        await until(lambda: world.states("empiar") == ["complete"] and not keeper.under_way)
        pause(world.store, "empiar", why="it moves", who="Jane")
        await keeper._harvest("empiar")
        assert world.states("empiar") == ["complete"]


async def test_an_upstream_that_does_not_answer_delays_no_other(world: Upstreams) -> None:
    """Only one harvest at a time may run, and the source that hung last time hangs again."""
    failed(world.store, "empiar", state="partial")
    world.later = timedelta(hours=1)
    world.faults["empiar"] = [Fault("stall", times=1000)]
    async with world.kept("empiar", "idr", at_once=1) as keeper:
        await until(lambda: world.states("idr") == ["complete"])
        assert "empiar" in keeper.under_way


async def test_no_more_harvests_run_at_once_than_allowed(world: Upstreams) -> None:
    world.faults = {name: [Fault("stall", times=1000)] for name in ("empiar", "idr")}
    async with world.kept("empiar", "idr", at_once=1) as keeper:
        await until(lambda: any(replica.asked for replica in world.replicas.values()))
        await asyncio.sleep(0.1)
        assert set(keeper.under_way) == {"empiar", "idr"}
        assert sum(bool(replica.asked) for replica in world.replicas.values()) == 1


async def test_a_failed_source_is_tried_again_sooner_and_goes_on(world: Upstreams) -> None:
    world.faults["empiar"] = [Fault("503", times=1000)]
    async with world.kept("empiar") as keeper:
        await until(lambda: world.states("empiar") == ["partial"] and not keeper.under_way)
        due = keeper.dues()["empiar"]
        assert due.at is not None
        assert timedelta(minutes=4) < due.at - world.clock() < timedelta(minutes=6)
        assert due.why == "try 2"
        world.replicas["empiar"].faults.clear()
        world.later = timedelta(minutes=7)
        await keeper.arrange()
        await until(lambda: world.states("empiar") == ["partial", "complete"])


def test_failures_in_a_row_are_counted_up_to_the_last_success(world: Upstreams) -> None:
    failed(world.store, "empiar", state="partial", times=2)
    failed(world.store, "empiar", state="complete")
    failed(world.store, "empiar", state="partial", times=3)
    failed(world.store, "empiar", state="canceled")
    past = pasts(world.store)["empiar"]
    assert (past.state, past.failures) == ("canceled", 3)


async def test_a_refused_source_waits_for_its_whole_interval(world: Upstreams) -> None:
    failed(world.store, "empiar", state="refused")
    async with world.kept("empiar") as keeper:
        at = keeper.dues()["empiar"].at
        assert at is not None
        assert at - world.clock() > 6.9 * DAY


async def test_a_source_that_another_process_harvests_is_left_to_it(world: Upstreams) -> None:
    ledger.begin(world.store, "empiar", origin="replica", scope="everything", kind="full")
    world.later = timedelta(minutes=5)  # it has not stirred for so long; it may be dead, but it is not
    async with world.kept("empiar") as keeper:
        await until(lambda: any("wait for it or stop it" in text for _, text in world.notes))
        await until(lambda: keeper.timer.get_job("empiar") is not None)
        assert keeper.timer.get_job("empiar").next_run_time > datetime.now(UTC) + scheduling.PAUSE / 2
    assert world.states("empiar") == ["running"]


async def test_the_run_of_a_process_that_was_killed_is_taken_up_after_a_minute(world: Upstreams) -> None:
    ledger.begin(world.store, "empiar", origin="replica", scope="everything", kind="full")
    with world.store.transaction() as connection:
        connection.execute(
            t.runs.update().values(worker="elsewhere:1:1", heartbeat_at="2026-01-01T00:00:00Z")
        )
    async with world.kept("empiar"):
        await until(lambda: world.states("empiar") == ["lost", "complete"])


async def test_one_source_is_never_harvested_twice_at_once(world: Upstreams) -> None:
    world.faults["empiar"] = [Fault("stall", times=1000)]
    async with world.kept("empiar") as keeper:
        await until(lambda: bool(world.replicas["empiar"].asked))
        await keeper.arrange()
        assert keeper.timer.get_job("empiar") is None
        await keeper._keep_appointment("empiar")  # ends at once: there is one under way
        assert len(world.states("empiar")) == 1


async def test_a_fault_of_ours_ends_neither_the_schedule_nor_other_harvests(
    world: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(store: Store, http: Http, order: Order, watch: Watch) -> Report:
        if order.source.card.name == "empiar":
            raise sa.exc.OperationalError("INSERT", {}, OSError("disk is full"))
        return await harvest(store, http, order, watch)

    monkeypatch.setattr(scheduling, "harvest", broken)
    with capture_logs() as logged:
        async with world.kept("empiar", "idr") as keeper:
            await until(lambda: world.states("idr") == ["complete"] and not keeper.under_way)
            await until(lambda: keeper.timer.get_job("empiar") is not None)
            appointment = keeper.timer.get_job("empiar").next_run_time
            assert appointment > datetime.now(UTC) + scheduling.PAUSE / 2  # and not over and over
    assert [(line["event"], line["source"]) for line in logged] == [("harvest failed", "empiar")]


async def test_stopping_ends_a_harvest_that_hangs_and_the_next_start_goes_on(world: Upstreams) -> None:
    world.faults["empiar"] = [Fault("stall")]
    began = time.monotonic()
    async with world.kept("empiar"):
        await until(lambda: bool(world.replicas["empiar"].asked))
    assert time.monotonic() - began < 5
    assert world.states("empiar") == ["canceled"]
    world.faults.clear()
    async with world.kept("empiar"):
        await until(lambda: world.states("empiar") == ["canceled", "complete"])


async def test_one_that_the_operator_stopped_waits_for_its_interval(world: Upstreams) -> None:
    world.faults["empiar"] = [Fault("stall")]
    async with world.kept("empiar") as keeper:
        await until(lambda: bool(world.replicas["empiar"].asked))
        ledger.cancel(world.store, "empiar")
        await until(lambda: world.states("empiar") == ["canceled"] and not keeper.under_way)
        at = keeper.dues()["empiar"].at
        assert at is not None
        assert at - world.clock() > 6.9 * DAY


async def test_offline_what_was_read_live_is_never_replaced(world: Upstreams) -> None:
    run = ledger.begin(world.store, "empiar", origin="live", scope="everything", kind="full")
    ledger.end(world.store, run.run_id, state="complete")
    world.later = 30 * DAY
    async with world.kept("empiar") as keeper:
        assert keeper.dues()["empiar"].at is None
        assert world.replicas["empiar"].asked == []
    assert world.store.source_states()["empiar"].origin == "live"


async def test_an_upstream_whose_replica_stays_meanwhile_is_tried_again_with_growing_waits(
    world: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> Report:
        raise AssertionError("asked although it is not due")

    monkeypatch.setattr(scheduling, "harvest", nobody)
    failed(world.store, "empiar", state="complete")
    async with world.kept("empiar", offline=False, empiar="off") as keeper:
        keeper.schedules = scheduling.effective(Settings(), ["empiar"])
        assert keeper.dues()["empiar"].why == "never harvested"  # not live, whatever the replica gave
        for again, minutes in ((2, 5), (3, 10)):
            run = ledger.begin(world.store, "empiar", origin="live", scope="everything", kind="full")
            ledger.end(world.store, run.run_id, state="partial", error="made up")
            due = keeper.dues()["empiar"]
            assert due.at is not None
            assert due.why == f"try {again}"
            assert timedelta(minutes=minutes - 1) < due.at - world.clock() < timedelta(minutes=minutes + 1)
    assert world.store.source_states()["empiar"].origin == "replica"


async def test_the_scope_that_was_harvested_first_stays_unless_the_settings_name_another(
    world: Upstreams,
) -> None:
    run = ledger.begin(world.store, "dryad", origin="replica", scope="everything", kind="full")
    ledger.end(world.store, run.run_id, state="complete")
    world.later = 30 * DAY
    async with world.kept("dryad"):
        await until(lambda: world.states("dryad") == ["complete", "complete"])
    assert world.store.source_states()["dryad"].scope == "everything"
    other = Settings(
        offline=True, data=world.store.path.parent, sources={"dryad": SourceSettings(scope="imaging")}
    )
    world.later = timedelta()
    async with keeping(world.store, other, ["dryad"], lambda *_: None, lambda _: None):
        await until(lambda: world.states("dryad") == ["complete"] * 3)
    assert world.store.source_states()["dryad"].scope == "imaging"


async def test_a_sample_or_a_second_reading_does_not_make_a_source_fresh(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest(kind="sample", newest=5)
        run = ledger.begin_reread(bench.store, "empiar", origin="replica", scope="everything")
        ledger.end_reread(bench.store, run)
        past = pasts(bench.store)["empiar"]
        assert (past.state, past.fresh_at) == ("complete", None)
        await bench.harvest()
        assert pasts(bench.store)["empiar"].fresh_at is not None


def test_the_schedule_in_the_store_follows_the_settings(world: Upstreams) -> None:
    card = {"title": "EMPIAR", "schedule": "weekly"}
    ledger.begin(world.store, "empiar", origin="live", scope="everything", kind="full", card=card)
    note_schedules(world.store, {"empiar": "0 3 * * *", "idr": "off"})
    assert world.store.source_states()["empiar"].card == {"title": "EMPIAR", "schedule": "0 3 * * *"}


def test_a_source_without_runs_has_no_past(world: Upstreams) -> None:
    with world.store.transaction() as connection:
        connection.execute(t.sources.insert().values(name="idr", origin="live", scope="everything"))
    assert pasts(world.store) == {"idr": Past(None, None, None, 0, False, None, None)}


def test_every_card_bears_a_schedule_there_is() -> None:
    names = [source.card.name for source in registry.SOURCES]
    assert set(scheduling.effective(Settings(), names)) == set(names)


def test_up_harvests_serves_and_shows_what_is_due_until_it_is_stopped(tmp_path: Path) -> None:
    process = start("up", "empiar", "--port", "0", cwd=tmp_path)
    address = _address(process)
    total, ends = 0, time.monotonic() + 60
    while total < 40 and time.monotonic() < ends:
        with urllib.request.urlopen(f"{address}/api/v1/search") as answer:
            total = json.load(answer)["total"]
        time.sleep(0.1)
    with urllib.request.urlopen(f"{address}/api/v1/sources") as answer:
        (empiar,) = json.load(answer)["sources"]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert total >= 40
    assert empiar["due"] == "weekly"
    assert empiar["last"] is not None
    wait = datetime.fromisoformat(empiar["next"]) - datetime.now(UTC)
    assert 6.9 * DAY < wait < 7.1 * DAY
