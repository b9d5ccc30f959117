"""A first start: live where an upstream answers, from its replica where it does not, and each says which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from harvester import quickstart
from harvester.http import Http, Polite
from harvester.quickstart import Told, gather
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Fault, Replica
from harvester.run import Report
from harvester.source import Card
from index.store import Store

NOBODY = "http://127.0.0.1:9"
"""A port of loopback at which nobody listens."""


class Elsewhere(Http):
    """A client whose live upstream is somewhere on loopback."""

    live = NOBODY

    def client(self, card: Card, *, replica: str | None = None) -> Polite:
        return super().client(card, replica=replica or self.live)


@pytest.fixture(autouse=True)
def no_live_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart, "Http", Elsewhere)
    monkeypatch.setattr(Elsewhere, "live", NOBODY)


async def start(store: Store, *, offline: bool = False) -> tuple[list[Report], list[str]]:
    told: list[Told] = []
    reports = await gather(
        store,
        Settings(offline=offline, reach_seconds=1.0, data=store.path.parent),
        names=["empiar"],
        tell=told.append,
        watch=lambda _: None,
    )
    return reports, [each.text for each in told]


def origins(store: Store) -> set[str]:
    return {kept.origin for id_ in store.ids("empiar") if (kept := store.get(id_))}


async def test_an_upstream_that_cannot_be_reached_is_answered_by_its_replica(store: Store) -> None:
    (report,), told = await start(store)
    assert (report.state, report.origin) == ("complete", "replica")
    assert any("origin: replica" in text for text in told)
    assert origins(store) == {"replica"}


async def test_a_later_start_without_the_upstream_takes_nothing_away_on_the_way(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(store)
    revision, ids, held = store.revision(), store.ids("empiar"), []
    monkeypatch.setattr(
        quickstart, "_replica", _noting(quickstart._replica, lambda: held.append(store.ids("empiar")))
    )
    (report,), _ = await start(store)
    assert (report.state, report.counts["unchanged"]) == ("complete", len(ids))
    assert held == [ids]  # when the upstream had not answered, everything was still there
    assert (store.revision(), store.ids("empiar")) == (revision, ids)


def _noting(started: Callable[[str], Any], note: Callable[[], None]) -> Callable[[str], Any]:
    def noted(name: str) -> Any:
        note()
        return started(name)

    return noted


async def test_an_upstream_that_answers_is_taken_live(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Replica(REPLICAS["empiar"], Stock(generate=2600).of("empiar")) as upstream:
        monkeypatch.setattr(Elsewhere, "live", upstream.base)
        (report,), told = await start(store)
    assert (report.state, report.origin, told) == ("complete", "live", [])
    assert origins(store) == {"live"}


async def test_what_was_read_live_is_never_replaced_by_a_replica(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Replica(REPLICAS["empiar"], Stock(generate=2600).of("empiar")) as upstream:
        monkeypatch.setattr(Elsewhere, "live", upstream.base)
        await start(store)
    monkeypatch.setattr(Elsewhere, "live", NOBODY)
    monkeypatch.setattr(quickstart, "FRESH_ENOUGH", quickstart.FRESH_ENOUGH * 0)
    (report,), told = await start(store)
    assert report.state == "partial"
    assert any("stays" in text for text in told)
    assert origins(store) == {"live"}


async def test_a_live_harvest_that_broke_off_keeps_what_it_has(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Replica(REPLICAS["empiar"], Stock(generate=2600).of("empiar")) as upstream:
        upstream.faults.append(Fault("503", at=2, times=1000))
        monkeypatch.setattr(Elsewhere, "live", upstream.base)
        (report,), _ = await start(store)
    assert (report.state, report.origin) == ("partial", "live")
    assert origins(store) == {"live"}


async def test_a_second_start_finds_everything_here(store: Store, tmp_path: Path) -> None:
    await start(store, offline=True)
    reports, told = await start(store, offline=True)
    assert reports == []
    assert "already here" in told[0]
