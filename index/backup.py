"""Backup and restore of the store, while others read and write it.

A backup is one file: a manifest, then the store as SQLite wrote it, compressed. The manifest stands in a
skippable frame of the zstd format, so `zstd -dc FILE > store.sqlite` gets the store back without us. The
engine is not in it: it is made from the store.

Facts this rests on (SQLite 3.40, tried 2026-11): the online backup begins anew whenever another process
writes between two of its steps, 124 times in a copy of 40 MB; with a read transaction held open on the
connection that is copied from, it copies that state, never begins anew and stops no writer.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import orjson
import zstandard

from index.scratch import scratch
from index.tables import SCHEMA_VERSION

FORMAT, FORMAT_VERSION = "headwater backup", 1
SKIPPABLE = 0x184D2A5B
"""Opens a frame that zstd passes over; the length of what is in it follows."""

LARGEST_MANIFEST = 1 << 20
STEP = 1_000
"""Pages per step, 4 MB: some milliseconds between two looks at Ctrl-C."""

PIECE = 1 << 20

Watch = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much."""


class NotRestorable(Exception):  # the name says what is wrong
    """A file that is no backup, or no whole one, or one that this Headwater cannot read."""


class Damaged(Exception):  # the name says what is wrong
    """The store itself is damaged; a backup of it would be as well."""


class InUse(Exception):  # the name says what is wrong
    """Another process has the store open."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    made_at: str
    headwater: str
    schema_version: int
    revision: int
    bytes: int
    """Of the store, uncompressed."""
    sha256: str
    """Of the store, uncompressed."""
    counts: dict[str, int]
    """Rows of the tables that hold what was harvested."""
    sources: dict[str, int]
    """Current records of each source."""
    format: str = FORMAT
    format_version: int = FORMAT_VERSION


COUNTED = ("records", "versions", "documents", "quarantine", "runs")
NOT_YET = "0" * 64


def backup(store: Path, target: Path, *, version: str, watch: Watch = lambda *_: None) -> Manifest:
    """Write a backup of a store; the target appears when it is whole, or not at all.

    Args:
        store: the store's file; harvests and servers may go on with it.
        target: the file to write; an earlier backup there is replaced.
        version: of the program, for the manifest.
        watch: told how far it is; whatever it raises ends the backup.

    Raises:
        Damaged: the store cannot be read whole.
        NotRestorable: the target is there and is no backup of ours, so it is not written over.
        OSError: the disk is full, or the target cannot be written.
    """
    if target.exists():
        read_manifest(target)
    with scratch(target.parent) as folder:
        copy = folder / "store.sqlite"
        try:
            _copy(store, copy, watch)
            manifest = _describe(copy, version)
        except sqlite3.DatabaseError as error:
            raise Damaged(f"the store cannot be copied: {error}") from error
        packed = folder / "packed"
        manifest = _pack(copy, packed, manifest, watch)
        packed.replace(target)
        _settle(target.parent)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises:
        NotRestorable: it is no backup of ours, or one of a newer Headwater.
    """
    with file.open("rb") as source:
        return _read_manifest(source, file)


def restore(
    file: Path,
    store: Path,
    *,
    force: bool,
    clear_engine: Callable[[], None],
    watch: Watch = lambda *_: None,
) -> tuple[Manifest, Path | None]:
    """Put a backup in the place of a store, after it was checked whole.

    Args:
        file: the backup.
        store: the store's file.
        force: take the place of a store that is there.
        clear_engine: called once nothing can go wrong but the rename. An engine that went on from a later
            state of the store would take other changes for those it already has.
        watch: told how far it is; whatever it raises ends it, with everything as it was.

    Returns:
        The manifest, and where the store that was there is kept now.

    Raises:
        NotRestorable: the backup is not whole, not ours, or of a newer Headwater.
        FileExistsError: there is a store, and `force` was not given.
        InUse: another process has the store open.
    """
    if store.exists() and not force:
        raise FileExistsError(store)
    store.parent.mkdir(parents=True, exist_ok=True)
    with scratch(store.parent) as folder:
        copy = folder / "store.sqlite"
        manifest = _unpack(file, copy, watch)
        _check_copy(copy, manifest, file, watch)
        with _alone(store):
            clear_engine()
            kept = _keep_beside(store)
            copy.replace(store)
        _settle(store.parent)
    return manifest, kept


def _copy(store: Path, copy: Path, watch: Watch) -> None:
    def step(_status: int, remaining: int, total: int) -> None:
        watch("copying", total - remaining, total)

    with closing(_open(store)) as source, closing(sqlite3.connect(copy)) as target:
        source.execute("BEGIN")
        source.execute("SELECT value FROM meta").fetchall()  # the state that is copied begins here
        source.backup(target, pages=STEP, progress=step)
        target.execute("PRAGMA journal_mode=DELETE")  # one file: no write-ahead log beside it
        (found,) = target.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Damaged(f"the store is damaged ({found}); `headwater check` says more")


def _open(store: Path) -> sqlite3.Connection:
    if not store.exists():
        raise FileNotFoundError(store)
    return sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=60)


def _describe(copy: Path, version: str) -> Manifest:
    with closing(_open(copy)) as connection:
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        counts = {name: _count(connection, name) for name in COUNTED}
        sources = dict(
            connection.execute(
                "SELECT source, count(*) FROM records WHERE state = 'current' GROUP BY source"
            ).fetchall()
        )
    return Manifest(
        made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        headwater=version,
        schema_version=int(meta["schema_version"]),
        revision=int(meta["revision"]),
        bytes=copy.stat().st_size,
        sha256=NOT_YET,
        counts=counts,
        sources=sources,
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # one of COUNTED
    return int(count)


def _pack(copy: Path, packed: Path, manifest: Manifest, watch: Watch) -> Manifest:
    """Compress; the digest is known at the end and then written over its place, which is as long."""
    sha256, done = hashlib.sha256(), 0
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    with copy.open("rb") as source, packed.open("wb") as target:
        target.write(_frame(manifest))
        with compressor.stream_writer(target, size=manifest.bytes, closefd=False) as writer:
            while piece := source.read(PIECE):
                sha256.update(piece)
                writer.write(piece)
                done += len(piece)
                watch("packing", done, manifest.bytes)
        whole = Manifest(**{**asdict(manifest), "sha256": sha256.hexdigest()})
        target.seek(0)
        target.write(_frame(whole))
        target.flush()
        os.fsync(target.fileno())
    return whole


def _frame(manifest: Manifest) -> bytes:
    body = orjson.dumps(asdict(manifest))
    return struct.pack("<II", SKIPPABLE, len(body)) + body


def _read_manifest(source: IO[bytes], file: Path) -> Manifest:
    head = source.read(8)
    magic, length = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
    if magic != SKIPPABLE or length > LARGEST_MANIFEST:
        raise NotRestorable(f"{file} is no backup of Headwater's")
    try:
        manifest = Manifest(**orjson.loads(source.read(length)))
    except (ValueError, TypeError) as error:
        raise NotRestorable(f"{file} is no backup of Headwater's that this version can read") from error
    if manifest.format != FORMAT:
        raise NotRestorable(f"{file} is no backup of Headwater's")
    if manifest.format_version > FORMAT_VERSION or manifest.schema_version > SCHEMA_VERSION:
        raise NotRestorable(f"{file} was made by a newer Headwater ({manifest.headwater}); upgrade this one")
    return manifest


def _unpack(file: Path, copy: Path, watch: Watch) -> Manifest:
    sha256, done = hashlib.sha256(), 0
    with file.open("rb") as source, copy.open("wb") as target:
        manifest = _read_manifest(source, file)
        try:
            with zstandard.ZstdDecompressor().stream_reader(source) as reader:
                while piece := reader.read(PIECE):
                    done += len(piece)
                    if done > manifest.bytes:
                        break  # whatever it is, it is not what was packed; the disk is not filled with it
                    sha256.update(piece)
                    target.write(piece)
                    watch("unpacking", done, manifest.bytes)
        except zstandard.ZstdError as error:
            raise NotRestorable(f"{file} is damaged: {error}") from error
        target.flush()
        os.fsync(target.fileno())
    if done < manifest.bytes:
        raise NotRestorable(f"{file} is cut short: it holds {done:,} of {manifest.bytes:,} bytes")
    if (done, sha256.hexdigest()) != (manifest.bytes, manifest.sha256):
        raise NotRestorable(f"{file} is damaged: its content is not what its manifest says")
    return manifest


def _check_copy(copy: Path, manifest: Manifest, file: Path, watch: Watch) -> None:
    watch("checking", 0, 1)
    try:
        with closing(_open(copy)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        described = _describe(copy, manifest.headwater)
    except sqlite3.DatabaseError as error:
        raise NotRestorable(f"{file} holds no store: {error}") from error
    if found != "ok":
        raise NotRestorable(f"the store in {file} is damaged: {found}")
    told = (manifest.revision, manifest.schema_version, manifest.counts, manifest.sources)
    if (described.revision, described.schema_version, described.counts, described.sources) != told:
        raise NotRestorable(f"the store in {file} is not the one its manifest describes")
    watch("checking", 1, 1)


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold a store so that nobody else opens it, with its write-ahead log written into it.

    A damaged store, perhaps the reason for restoring, cannot be held; it is taken as it is.

    Raises:
        InUse: another process has it open. It would go on with the old file and lose what it writes.
    """
    if not store.exists():
        yield
        return
    with closing(sqlite3.connect(store, isolation_level=None, timeout=2)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise InUse(f"another process has {store} open") from error
        except sqlite3.DatabaseError:
            pass  # not even a database
        yield


def _keep_beside(store: Path) -> Path | None:
    """Give the store that is there a second name; the log beside a damaged one would spoil the new one.

    A link rather than a rename: at every moment there is a store under the name.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = store.with_name(f"{store.name}.before-{stamp}")
    for ending in ("-wal", "-shm"):
        beside = store.with_name(store.name + ending)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + ending))
    if not store.exists():
        return None
    kept.hardlink_to(store)
    return kept


def _settle(folder: Path) -> None:
    """Have the rename itself on disk before anybody is told that it is done."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
