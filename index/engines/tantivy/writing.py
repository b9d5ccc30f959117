"""Writing an index: one writer for each of its shards, and the mark that says how far all of them have come.

Several commits are not one. The mark is written before the first, with the revision that was begun, and after
the last, with the revision reached; between the two the index is unsettled. A process that is killed there
leaves shards of which some hold what others do not: they are searched at the revision reached before, and the
next write, which begins there, puts everything in the place of what may be there already.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson
import tantivy

from index.entry import OPEN_END
from index.record import Json

HEAP, LEAST_HEAP = 256 * 1024 * 1024, 15_000_000
"""Of all writers together, and the least that Tantivy takes for one."""

MARK, LOCK = "headwater.json", ".tantivy-writer.lock"


class EngineBusy(Exception):
    """Another process writes the index."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands beside an index."""

    fingerprint: str | None = None
    """What it was made with; None where nothing is known of it."""
    revision: int = 0
    """The store's revision that all shards have come to."""
    begun: int = 0
    """The revision that some shards may have come to already."""

    @property
    def is_settled(self) -> bool:
        """Tell whether no shard holds anything that others do not."""
        return self.begun <= self.revision


UNKNOWN = Mark(None, 0, OPEN_END)
"""Of a mark that cannot be read: shards may have come to anything, and no store has come so far."""


def mark_of(body: bytes) -> Mark:
    """Read a mark."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UNKNOWN
    if not isinstance(told, dict):
        return UNKNOWN
    revision = int(told.get("revision", 0))
    return Mark(told.get("fingerprint"), revision, int(told.get("begun", revision)))


def write_mark(folder: Path, mark: Mark) -> None:
    """Put a mark in the place of the one that is there.

    One that says that shards are about to be committed must be on the disk before any of them is.
    """
    told: Json = {"fingerprint": mark.fingerprint, "revision": mark.revision}
    file = folder / f"{MARK}.new"
    with file.open("wb") as written:
        written.write(orjson.dumps(told if mark.is_settled else told | {"begun": mark.begun}))
        if not mark.is_settled:
            written.flush()
            os.fsync(written.fileno())
    file.replace(folder / MARK)
    if not mark.is_settled:
        held = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)


class Writers:
    """The writers of all shards; whoever holds them holds their locks."""

    def __init__(self, indexes: Sequence[tantivy.Index], folder: Path) -> None:
        """Take the locks, and clear away what a commit left that was killed.

        Raises:
            EngineBusy: another process has one.
        """
        self._all: list[tantivy.IndexWriter] = []
        heap = max(LEAST_HEAP, HEAP // len(indexes))
        try:
            for index in indexes:
                self._all.append(index.writer(heap_size=heap, num_threads=1))
            self._clear_away()
        except ValueError as error:
            self._all.clear()
            if "LockBusy" not in str(error):  # a full disk or a folder that is gone is no other process
                raise
            raise EngineBusy(f"another process writes the index in {folder}") from error

    def __len__(self) -> int:
        return len(self._all)

    def add(self, entry: Json) -> None:
        """Add what is not there yet."""
        self._of(entry["rid"]).add_json(orjson.dumps(entry).decode())

    def put(self, entry: Json) -> None:
        """Add an entry in the place of the one with its key."""
        self._of(entry["rid"]).delete_documents_by_term("key", entry["key"])
        self.add(entry)

    def remove(self, rid: int) -> None:
        """Remove all versions of a record."""
        self._of(rid).delete_documents_by_term("rid", rid)

    def remove_all(self) -> None:
        """Remove everything."""
        for writer in self._all:
            writer.delete_all_documents()

    def commit(self) -> None:
        """Commit every shard, side by side: the shorter they differ, the less is searched in between."""
        if len(self._all) == 1:
            self._all[0].commit()
            return
        with ThreadPoolExecutor(len(self._all), thread_name_prefix="commit") as threads:
            for done in [threads.submit(writer.commit) for writer in self._all]:
                done.result()

    def take_back(self) -> bool:
        """Forget what was not committed; answer whether they can be used further."""
        try:
            for writer in self._all:
                writer.rollback()
            self._clear_away()
        except ValueError:  # a writer that met a full disk is dead; the next ones are made anew
            self._all.clear()
            return False
        return True

    def close(self) -> None:
        """Let the last merges end and give the locks back."""
        while self._all:
            self._all.pop().wait_merging_threads()

    def _clear_away(self) -> None:
        """Remove files that belong to no commit.

        What a commit deletes stands in a file named by the number of its last operation. A killed one leaves
        such files; the same batch, written again, has the same number, and would fail on them for ever.
        """
        for writer in self._all:
            writer.garbage_collect_files()

    def _of(self, rid: int) -> tantivy.IndexWriter:
        return self._all[rid % len(self._all)]


def places(folder: Path, shards: int) -> tuple[Path, ...]:
    """Answer where the shards of an index are; one alone is the folder itself."""
    return tuple(folder / str(number) for number in range(shards)) if shards > 1 else (folder,)


def discard(folder: Path) -> None:
    """Throw an index away, whole or not, so that it is made again when it is opened.

    Raises:
        EngineBusy: another process writes it.
    """
    for lock in (folder / LOCK, *folder.glob(f"*/{LOCK}")):
        if lock.exists():
            with lock.open() as held:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise EngineBusy(f"another process writes the index in {folder}") from error
    throw_away(folder)


def throw_away(folder: Path) -> None:
    """Remove an index's files, and the folders of its shards."""
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.is_file():
            file.unlink()
        elif file.name.isdecimal():
            shutil.rmtree(file)
