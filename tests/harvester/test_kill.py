"""Killed anywhere and started again, a harvest holds the same records."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from harvester.replicas.server import Fault
from index.store import Store
from tests.conftest import Bench, bench_of
from tests.sources.routes import ROUTES, Route


def command(route: Route, folder: Path, base: str) -> list[str]:
    options = [f"--option={name}={value}" for name, value in route.options.items()]
    return [
        sys.executable, "-m", "api.cli", "harvest", route.source, "--full", "--json", f"--data={folder}",
        f"--scope={route.scope}", f"--replica={base}", *options,
    ]  # fmt: skip


async def start(*words: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "HEADWATER_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return await asyncio.create_subprocess_exec(
        *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_kill_9_during_a_harvest_then_resume(route: Route, tmp_path: Path) -> None:
    async with bench_of(route.source, tmp_path) as calm:
        await calm.harvest(scope=route.scope, options=route.options)
        expected, needed = calm.content(), len(calm.replica.asked)
        folder = tmp_path / "killed"
        await start_and_kill(calm, route, folder, at=max(2, needed * 2 // 3))
        again = await start(*command(route, folder, calm.replica.base))
        output, _ = await asyncio.wait_for(again.communicate(), 60)
        assert again.returncode == 0, output.decode()
    with Store(folder / "store.sqlite") as store:
        assert Bench(store, calm.replica, calm.http).content() == expected
        assert [run["state"] for run in store.runs(route.source)] == ["complete", "lost"]


async def start_and_kill(bench: Bench, route: Route, folder: Path, *, at: int) -> None:
    """Kill the process while its nth request waits; what came before is stored, half stored or still read."""
    bench.replica.asked.clear()
    bench.replica.faults.append(Fault("stall", at=at))
    process = await start(*command(route, folder, bench.replica.base))
    async with asyncio.timeout(60):
        while len(bench.replica.asked) < at:
            assert process.returncode is None, "the harvest ended before the request that stalls"
            await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    bench.replica.faults.clear()


async def test_a_reading_process_ends_with_its_killed_parent(tmp_path: Path) -> None:
    """Or each kill of a long harvest would leave a process behind that waits for ever."""
    script = (
        "import asyncio, harvester.reader as r; from harvester.sources import empiar;"
        "from index.batch import Raw, Unread; r.LONG = 0;"
        "reader = r.Reader(empiar, 'everything');"
        "asyncio.run(reader.read([Unread(1, Raw('x', b'{}', 'application/json'), b'')]));"
        "import multiprocessing, time;"
        "print(*[child.pid for child in multiprocessing.active_children()], flush=True); time.sleep(60)"
    )
    parent = await start(sys.executable, "-c", script)
    assert parent.stdout is not None
    reading = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    os.kill(reading, 0)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        while alive(reading):  # noqa: ASYNC110  # nobody tells us when a stranger's child ends
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    """A zombie, which nobody reaps in some containers, has ended too."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
