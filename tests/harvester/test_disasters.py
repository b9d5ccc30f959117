"""The machine fails us: a full disk, a locked store, a clock that jumps. Nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Fault, Replica
from index import batch, ledger
from index.store import Store
from tests.api.test_cli import python, run, start
from tests.conftest import bench_of

SMALL = 300_000
"""Bytes; the store of EMPIAR's bundled documents needs more."""


async def test_a_full_disk_ends_the_harvest_and_the_next_one_goes_on(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as calm:
        await calm.harvest()
        expected = calm.content()
    folder = tmp_path / "full"
    folder.mkdir()
    async with bench_of("figshare", folder) as bench:
        _fill_the_disk(bench.store, pages=40)
        with pytest.raises(sa.exc.OperationalError, match="disk is full"):
            await bench.harvest()
        _fill_the_disk(bench.store, pages=1_000_000)
        report = await bench.harvest()
        assert report.state == "complete"
        assert bench.content() == expected


def _fill_the_disk(store: Store, *, pages: int) -> None:
    """Let SQLite find the disk full from so many pages on; it reports the same error as for a real one."""
    store.engine.dispose()
    sa.event.listen(
        store.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}")
    )


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on the size of files stands for the disk; it holds for everything the process writes.

    That includes the figures of a coverage measurement, which grow with the code measured: the process is
    not measured.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    command = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL}, {SMALL}));"
    script = f"{command} sys.argv = ['headwater', 'harvest', 'empiar']; import api.cli; api.cli.main()"
    process = python("-c", script, cwd=tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "make room" in err
    assert "Traceback" not in err
    out, _ = run("harvest", "empiar", "--json", cwd=tmp_path)
    assert json.loads(out)[0]["state"] == "complete"


async def test_a_store_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        other = sqlite3.connect(bench.store.path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        under_way = asyncio.create_task(asyncio.to_thread(_begin, bench.store))
        await asyncio.sleep(0.3)
        assert not under_way.done()
        other.execute("COMMIT")
        other.close()
        assert (await asyncio.wait_for(under_way, 20)).run_id == 1


def _begin(store: Store) -> ledger.Begun:
    return ledger.begin(store, "empiar", origin="replica", scope="everything", kind="full")


async def test_a_clock_that_jumps_back_hides_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("dryad", tmp_path) as bench:
        await bench.harvest()
        monkeypatch.setattr(ledger, "now", lambda: "2001-01-01T00:00:00Z")
        monkeypatch.setattr(batch, "now", lambda: "2001-01-01T00:00:00Z")
        id_ = min(bench.content())
        upstream_id = bench.store.upstream_id(id_)
        assert upstream_id is not None
        bench.replica.change(upstream_id, "A title from the past", datetime.now(UTC) + timedelta(seconds=1))
        report = await bench.harvest(kind="changes")
        assert (report.state, report.counts["changed"]) == ("complete", 1)


async def test_sigterm_ends_a_harvest_cleanly_and_it_goes_on(tmp_path: Path) -> None:
    async with Replica(REPLICAS["empiar"], Stock().of("empiar")) as replica:
        replica.faults.append(Fault("stall"))
        process = start("harvest", "empiar", f"--replica={replica.base}", "--json", cwd=tmp_path)
        while not replica.asked:  # noqa: ASYNC110  # the replica has no event for it
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 130
        assert "nothing is lost" in err
        replica.faults.clear()
        out, _ = await asyncio.to_thread(
            run, "harvest", "empiar", f"--replica={replica.base}", "--json", cwd=tmp_path
        )
    assert json.loads(out)[0]["state"] == "complete"
    with Store(tmp_path / "data" / "store.sqlite") as store:
        assert [each["state"] for each in store.runs("empiar")] == ["complete", "canceled"]


def test_a_settings_file_cut_in_half_is_named(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text("data = 'somewhere'\nport = ")
    _, err = run("status", cwd=tmp_path, code=2)
    assert "headwater.toml" in err
    assert "Traceback" not in err
