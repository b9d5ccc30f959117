"""Killed anywhere and started again, a harvest holds the same records."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from harvester.replicas.server import Fault
from index.store import Store
from tests.conftest import Bench, bench_of
from tests.sources.routes import ROUTES, Route

PAGES = 2
"""The process is killed once it has kept so many pages, in the middle of the next."""


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
        expected = calm.content()
        folder = tmp_path / "killed"
        killed = await start_and_kill(calm, route, folder)
        again = await start(*command(route, folder, calm.replica.base))
        output, _ = await asyncio.wait_for(again.communicate(), 60)
        assert again.returncode == 0, output.decode()
    with Store(folder / "store.sqlite") as store:
        assert Bench(store, calm.replica, calm.http).content() == expected
        states = [run["state"] for run in store.runs(route.source)]
    assert states == (["complete", "lost"] if killed else ["complete", "complete"])


async def start_and_kill(bench: Bench, route: Route, folder: Path) -> bool:
    """Kill the process in the middle; answer False when it was too quick to be killed."""
    bench.replica.faults.append(Fault("slow", at=PAGES + 1, times=10_000))
    process = await start(*command(route, folder, bench.replica.base))
    deadline = time.monotonic() + 40
    while process.returncode is None and time.monotonic() < deadline:
        if await asyncio.to_thread(_pages, folder) >= 1:
            os.kill(process.pid, signal.SIGKILL)
            break
        await asyncio.sleep(0.05)
    code = await process.wait()
    bench.replica.faults.clear()
    return code == -signal.SIGKILL


def _pages(folder: Path) -> int:
    if not (folder / "store.sqlite").exists():
        return 0
    try:
        with Store(folder / "store.sqlite") as store:
            return sum(run["pages"] for run in store.runs())
    except (sa.exc.OperationalError, sa.exc.NoSuchTableError):  # being created just now
        return 0
