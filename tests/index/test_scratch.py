"""What a killed backup left is removed by the next one; what somebody works in is not."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from index import scratch as scratches
from index.backup import backup
from index.record import Record
from index.scratch import UNFINISHED, scratch
from index.store import Store
from tests.index.filling import fill

WORKING = """
import sys, time
from pathlib import Path
from index.scratch import scratch

with scratch(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x" * 1000)
    print("works in", folder.name, flush=True)
    time.sleep(60)
"""


def left(parent: Path) -> list[str]:
    return sorted(file.name for file in parent.iterdir() if file.name.startswith(UNFINISHED))


def working(parent: Path) -> subprocess.Popen[str]:
    """Start a process that works in a folder; answer when it does."""
    command = [sys.executable, "-c", WORKING, str(parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any(line.startswith("works in") for line in process.stdout)
    return process


def test_the_next_backup_removes_what_a_killed_one_left_and_nothing_of_one_that_goes_on(
    tmp_path: Path,
) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        fill(store, [Record(id="demo:1", source="demo", title="One")])
    folder = tmp_path / "backups"
    folder.mkdir()
    with working(folder) as killed:
        os.kill(killed.pid, signal.SIGKILL)
    assert len(left(folder)) == 1
    with working(folder) as alive:
        (its,) = left(folder)  # which has cleared away what was there
        with capture_logs() as logged:
            backup(tmp_path / "store.sqlite", folder / "b.zst", version="1")
        assert left(folder) == [its]
        assert logged == []
        alive.kill()
    with capture_logs() as logged:
        backup(tmp_path / "store.sqlite", folder / "b.zst", version="1")
    assert left(folder) == []
    assert [line["folder"] for line in logged] == [str(folder / its)]


def aged(folder: Path, seconds: float) -> None:
    for file in (*folder.iterdir(), folder):
        when = file.stat().st_mtime - seconds
        os.utime(file, (when, when))


def test_a_folder_without_a_lock_is_removed_only_after_an_hour(tmp_path: Path) -> None:
    old, young = tmp_path / f"{UNFINISHED}old", tmp_path / f"{UNFINISHED}young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "store.sqlite").write_bytes(b"half")
    aged(old, 3700)
    aged(young, 3500)
    with scratch(tmp_path):
        pass
    assert left(tmp_path) == [young.name]


def test_where_files_cannot_be_locked_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with scratch(tmp_path) as first:
        with scratch(tmp_path) as second:
            assert first.is_dir()
        assert not second.exists()
        (first / scratches.LOCK).touch()
        aged(first, 3700)
        with scratch(tmp_path):
            assert not first.exists()
        first.mkdir()  # which its own process clears away


def test_what_cannot_be_removed_stops_no_work_and_is_told(tmp_path: Path) -> None:
    odd = tmp_path / f"{UNFINISHED}odd"
    (odd / scratches.LOCK).mkdir(parents=True)  # a folder, where a file can be locked
    with capture_logs() as logged, scratch(tmp_path) as work:
        assert work.is_dir()
    assert [(line["log_level"], line["folder"]) for line in logged] == [("warning", str(odd))]
