"""A replica is an upstream one can break: it counts, refuses, faults and changes on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from harvester import jobs, registry
from harvester.rehearse import REPLICAS, Stock, replicas
from harvester.replicas.server import Fault, Replica
from tests.conftest import bench_of

each_name = pytest.mark.parametrize("name", sorted(REPLICAS))


@pytest.fixture
async def empiar() -> AsyncIterator[Replica]:
    async with Replica(REPLICAS["empiar"], Stock().of("empiar")) as replica:
        yield replica


async def test_the_control_door_withdraws_changes_and_resets(empiar: Replica) -> None:
    id_ = min(empiar.listed().held)
    door = f"{empiar.base}/_replica"
    async with aiohttp.ClientSession() as http:
        state = await (await http.get(door)).json()
        assert state["holds"] >= 40
        await http.post(f"{door}/change/{id_}", json={"title": "Another title"})
        held = empiar.listed().get(id_)
        assert held is not None
        assert b"Another title" in held.body
        assert (await http.post(f"{door}/change/nobody", json={"title": "x"})).status == 404
        await http.post(f"{door}/withdraw/{id_}")
        await http.post(f"{door}/faults", json=[{"kind": "503", "at": 1}])
        assert [fault.kind for fault in empiar.faults] == ["503"]
        await http.post(f"{door}/reset")
        assert empiar.faults == []


async def test_a_limit_is_enforced_when_asked_for() -> None:
    async with replicas(["dryad"], Stock(limits=True)) as running, aiohttp.ClientSession() as http:
        limit = running["dryad"].limit
        assert limit is not None
        limit.requests = 2
        url = f"{running['dryad'].base}/api/v2/search?per_page=1"
        statuses = [(await http.get(url)).status for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_a_fault_is_read_from_the_command_line() -> None:
    assert jobs.fault_of("503@2x3") == Fault("503", at=2, times=3)
    assert jobs.fault_of("html") == Fault("html")
    with pytest.raises(ValueError, match="no fault named"):
        jobs.fault_of("quake")


@each_name
def test_generated_documents_are_the_same_for_the_same_seed(name: str) -> None:
    def made(seed: int) -> list[bytes]:
        holdings = REPLICAS[name].generated(30, seed)
        return [holdings[place].body for place in range(30)]

    assert made(1) == made(1)
    assert made(1) != made(2)


@each_name
async def test_generated_documents_are_harvested_whole(name: str, tmp_path: Path) -> None:
    async with bench_of(name, tmp_path, Stock(generate=120)) as bench:
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert report.counts["quarantined"] == 0
        assert len(bench.content()) == 120


@each_name
async def test_documents_found_in_a_folder_are_served_and_harvested(name: str, tmp_path: Path) -> None:
    pages = Path(__file__).parents[1] / "sources" / name / "pages"
    async with bench_of(name, tmp_path, Stock(folder=pages)) as bench:
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert len(bench.replica.holdings) > 0
        assert report.counts["seen"] >= 1


async def test_each_replica_takes_the_port_after_the_one_before() -> None:
    async with replicas(list(REPLICAS)) as running:
        assert set(running) == {source.card.name for source in registry.SOURCES}
        assert len({replica.base for replica in running.values()}) == len(running)
