"""A backup is whole or not there; what is restored is what was backed up, and nothing is written over."""

from __future__ import annotations

import multiprocessing
import sqlite3
import struct
import threading
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from index import backup as backups
from index.backup import Damaged, InUse, NotRestorable, backup, read_manifest, restore
from index.record import Record
from index.scratch import UNFINISHED
from index.store import Store
from tests.index.filling import fill


def records(count: int, title: str = "Title") -> list[Record]:
    return [Record(id=f"demo:{n}", source="demo", title=f"{title} {n}") for n in range(count)]


def content(path: Path) -> dict[str, bytes]:
    with Store(path) as store:
        return {id_: kept.json for id_ in store.ids("demo") if (kept := store.get(id_))}


def nothing() -> None:
    """No engine to clear."""


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store of twenty records, closed."""
    path = tmp_path / "data" / "store.sqlite"
    with Store(path) as store:
        fill(store, records(20))
    return path


@pytest.fixture
def saved(filled: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    file = tmp_path / "saved.sqlite.zst"
    backup(filled, file, version="1.2.3")
    return file


def leftovers(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.name.startswith(UNFINISHED)]


def test_what_is_restored_is_what_was_backed_up(filled: Path, saved: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other" / "store.sqlite"
    manifest, kept = restore(saved, elsewhere, force=False, clear_engine=nothing)
    assert kept is None
    assert content(elsewhere) == content(filled)
    assert (manifest.revision, manifest.sources, manifest.headwater) == (20, {"demo": 20}, "1.2.3")
    assert manifest.counts["documents"] == 20
    assert leftovers(elsewhere.parent) == []


def test_the_manifest_is_read_without_unpacking_anything(saved: Path) -> None:
    assert read_manifest(saved).revision == 20


def test_zstd_alone_gets_the_store_back(saved: Path, filled: Path, tmp_path: Path) -> None:
    _, length = struct.unpack("<II", saved.read_bytes()[:8])
    plain = zstandard.ZstdDecompressor().decompress(saved.read_bytes()[8 + length :])
    (tmp_path / "plain.sqlite").write_bytes(plain)
    assert content(tmp_path / "plain.sqlite") == content(filled)


def test_a_backup_is_of_one_moment_while_others_write_and_stops_no_writer(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "STEP", 2)  # many steps, with changes between them
    with Store(filled) as store:
        revisions: list[int] = []

        def change(what: str, _done: int, _total: int) -> None:
            if what == "copying" and len(revisions) < 10:
                fill(store, records(5, f"Changed {len(revisions)}"))
                revisions.append(store.revision())

        manifest = backup(filled, tmp_path / "b.zst", version="1", watch=change)
    assert revisions[-1] > 20  # the writer went on between the steps
    assert manifest.revision == 20  # and the backup is of the moment it began
    restore(tmp_path / "b.zst", tmp_path / "r" / "store.sqlite", force=False, clear_engine=nothing)
    assert all(b"Title" in body for body in content(tmp_path / "r" / "store.sqlite").values())


def test_a_backup_that_is_stopped_leaves_no_half_file(filled: Path, tmp_path: Path) -> None:
    for phase in ("copying", "packing"):

        def stop(what: str, _done: int, _total: int, phase: str = phase) -> None:
            if what == phase:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backup(filled, tmp_path / "b.zst", version="1", watch=stop)
        assert not (tmp_path / "b.zst").exists()
        assert leftovers(tmp_path) == []


def test_a_stopped_backup_leaves_the_earlier_one_as_it_was(filled: Path, saved: Path) -> None:
    before = saved.read_bytes()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(filled, saved, version="1", watch=stop)
    assert saved.read_bytes() == before


def test_a_file_that_is_no_backup_is_never_written_over(filled: Path, tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    with pytest.raises(NotRestorable, match="no backup"):
        backup(filled, precious, version="1")
    assert precious.read_text() == "years of work"


def test_a_damaged_store_is_not_backed_up_in_silence(filled: Path, tmp_path: Path) -> None:
    body = bytearray(filled.read_bytes())
    body[3 * 4096 : 5 * 4096] = b"\xff" * (2 * 4096)
    filled.write_bytes(body)
    with pytest.raises(Damaged):
        backup(filled, tmp_path / "b.zst", version="1")
    assert not (tmp_path / "b.zst").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.99])
def test_a_backup_cut_short_anywhere_is_refused_and_nothing_is_changed(
    share: float, filled: Path, saved: Path
) -> None:
    whole, before = saved.read_bytes(), content(filled)
    saved.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(NotRestorable):
        restore(saved, filled, force=True, clear_engine=nothing)
    assert content(filled) == before
    assert leftovers(filled.parent) == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_backup_with_one_byte_changed_is_refused(share: float, filled: Path, saved: Path) -> None:
    body = bytearray(saved.read_bytes())
    body[int(len(body) * share)] ^= 0x40
    saved.write_bytes(body)
    with pytest.raises(NotRestorable):
        restore(saved, filled, force=True, clear_engine=nothing)


def test_a_backup_of_a_newer_headwater_is_refused(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
        connection.commit()
    backup(filled, tmp_path / "b.zst", version="9")
    with pytest.raises(NotRestorable, match="newer Headwater"):
        restore(tmp_path / "b.zst", tmp_path / "r" / "store.sqlite", force=False, clear_engine=nothing)


def test_a_store_is_replaced_only_by_force_and_kept_beside(filled: Path, saved: Path) -> None:
    with Store(filled) as store:
        fill(store, records(25, "Later"))
    later = content(filled)
    with pytest.raises(FileExistsError):
        restore(saved, filled, force=False, clear_engine=nothing)
    cleared: list[int] = []
    _, kept = restore(saved, filled, force=True, clear_engine=lambda: cleared.append(1))
    assert cleared == [1]
    assert kept is not None
    assert content(kept) == later
    assert set(content(filled)) == {f"demo:{n}" for n in range(20)}


def _hold(path: Path, opened: object, until: object) -> None:
    with Store(path) as store:
        store.revision()
        opened.set()  # type: ignore[attr-defined]
        until.wait()  # type: ignore[attr-defined]


def test_a_store_that_a_process_has_open_is_not_replaced_under_it(filled: Path, saved: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    opened, until = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold, args=(filled, opened, until))
    holder.start()
    try:
        assert opened.wait(20)
        with pytest.raises(InUse):
            restore(saved, filled, force=True, clear_engine=nothing)
    finally:
        until.set()
        holder.join(20)
    assert len(content(filled)) == 20


def test_a_store_that_is_no_database_any_more_can_be_restored(filled: Path, saved: Path) -> None:
    before = content(filled)
    filled.write_bytes(b"not a database at all" * 1000)
    filled.with_name("store.sqlite-wal").write_bytes(b"an old log")
    _, kept = restore(saved, filled, force=True, clear_engine=nothing)
    assert content(filled) == before
    assert kept is not None
    assert kept.read_bytes().startswith(b"not a database")


def test_the_log_of_a_store_that_is_gone_does_not_spoil_the_restored_one(filled: Path, saved: Path) -> None:
    before = content(filled)
    with Store(filled) as store:  # so that there is a write-ahead log of the same store, with other pages
        fill(store, records(20, "Later"))
        log = filled.with_name("store.sqlite-wal").read_bytes()
    filled.unlink()
    filled.with_name("store.sqlite-wal").write_bytes(log)
    restore(saved, filled, force=False, clear_engine=nothing)
    assert content(filled) == before


def test_threads_that_read_and_write_do_not_disturb_a_backup(filled: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with Store(filled) as store:

        def write() -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                fill(store, records(3, f"Turn {turn}"), source="other")

        def read() -> None:
            while not stop.is_set():
                assert len(store.ids("demo")) == 20

        threads = [threading.Thread(target=write), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        manifests = [backup(filled, tmp_path / f"{n}.zst", version="1") for n in range(3)]
        stop.set()
        for thread in threads:
            thread.join()
    for n, manifest in enumerate(manifests):
        target = tmp_path / str(n) / "store.sqlite"
        restore(tmp_path / f"{n}.zst", target, force=False, clear_engine=nothing)
        with Store(target) as store:
            assert store.revision() == manifest.revision
