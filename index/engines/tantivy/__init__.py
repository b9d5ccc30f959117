"""Tantivy, embedded: the only package that speaks it.

Facts this package rests on (tantivy 0.27 for Python, tried 2026-11): there is no primary key, so a version
is replaced by deleting its key and adding it; adding, committing, searching and aggregating release the
GIL; one writer per folder, over all processes; a killed writer leaves the last commit and no stale lock;
`limit=0` panics; term, prefix and phrase queries do not analyze their words, so we do.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import tantivy

from index.engines import SnapshotGone
from index.engines.tantivy.queries import LAST_DAYS, NAMES, TEXTS, Compiler, analyzer
from index.engines.tantivy.snapshot import TantivySnapshot
from index.engines.tantivy.table import Tables
from index.entry import (
    DAY_FIELDS,
    ENTRY_VERSION,
    GROUP_FIELDS,
    ID_FIELDS,
    RID_BITS,
    TOGETHER_FIELDS,
    TOKEN_FIELDS,
    UP_FIELDS,
)
from index.record import Json
from index.vocab import fingerprint as vocabulary

HEAP = 256 * 1024 * 1024
HELD_STATES, HELD_FOR = 64, 900.0
"""So many older states are held for relevance cursors, for so many seconds."""

MARK = "headwater.json"


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in dict.fromkeys(TEXTS.values()):
        builder.add_text_field(name, tokenizer_name="words")
    builder.add_text_field(NAMES, tokenizer_name="plain", index_option="basic")
    for name in ("key", "aside", "grouped", "has", "identifier", "linked", "titled", "complete"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*ID_FIELDS, *UP_FIELDS.values()):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*TOKEN_FIELDS, *TOGETHER_FIELDS.values(), "none"):
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    numbers = ("rid", "from_revision", "to_revision", "year", "bytes", "newest", "oldest", "largest")
    for name in (*numbers, *GROUP_FIELDS, "regrouped", *DAY_FIELDS, *LAST_DAYS.values()):
        builder.add_integer_field(name, indexed=name in {"year", "rid", *GROUP_FIELDS}, fast=True)
    return builder.build()


def fingerprint() -> str:
    """Answer what an index is made with: fields, analyzers, version and vocabularies.

    Another fingerprint means: make it again.
    """
    made_with = [
        ENTRY_VERSION, version("tantivy").rsplit(".", 1)[0], TOKEN_FIELDS, ID_FIELDS, UP_FIELDS,
        TOGETHER_FIELDS, RID_BITS, GROUP_FIELDS, vocabulary(),
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(made_with).encode(), digest_size=8).hexdigest()


class EngineBusy(Exception):
    """Another process writes the index."""


class TantivyEngine:
    """An index in a folder. Many may read it; the first that writes holds the lock until it closes."""

    def __init__(self, folder: Path, *, writing: bool = False) -> None:
        """Open or create; an index with another fingerprint is thrown away.

        Raises:
            EngineBusy: `writing` is asked and another process writes, or one that was started with other
                vocabularies still does: its index is not taken from under it.
        """
        self.folder, self.writing = folder, writing
        self._lock, self._turn = threading.Lock(), threading.RLock()
        self._fingerprint = fingerprint()
        self._held: OrderedDict[str, tuple[float, TantivySnapshot]] = OrderedDict()
        self._writer: tantivy.IndexWriter | None = None
        self._tables = Tables()
        self._words, self._plain = analyzer(stemmed=True), analyzer(stemmed=False)
        folder.mkdir(parents=True, exist_ok=True)
        self._index = self._open()
        self._queries = Compiler(self._index.schema, self._words, self._plain)
        if writing:
            self._take_lock()

    # ---- reading -----------------------------------------------------------------------------

    def snapshot(self, state: str | None = None) -> TantivySnapshot:
        """Take the newest state, or an older one that a cursor belongs to."""
        with self._lock:
            newest = self._newest()
            if state is None or state == newest.state:
                return newest
            held = self._held.get(state)
        if held is None:
            raise SnapshotGone(state)
        return held[1]

    def _newest(self) -> TantivySnapshot:
        """Read the files' state and the searcher together; a commit in between is noticed and waited for."""
        for _ in range(50):
            before = self._state()
            if before in self._held:
                return self._held[before][1]
            self._index.reload()
            searcher = self._index.searcher()
            if before == self._state():
                snapshot = TantivySnapshot(searcher, before, self._queries, self._plain, self._tables)
                self._hold(snapshot)
                return snapshot
            time.sleep(0.01)
        raise SnapshotGone("the index changes faster than it can be opened")

    def _hold(self, snapshot: TantivySnapshot) -> None:
        clock = time.monotonic()
        self._held[snapshot.state] = clock, snapshot
        for state, (since, _) in list(self._held.items())[:-1]:
            if len(self._held) > HELD_STATES or clock - since > HELD_FOR:
                del self._held[state]

    def _state(self) -> str:
        with (self.folder / "meta.json").open("rb", buffering=0) as file:
            meta = file.read()
        return hashlib.blake2b(meta, digest_size=9).hexdigest()

    def revision(self) -> int:
        """Answer the store's revision up to which the index has come.

        What was committed tells it; the mark knows of revisions that leave nothing in the index.
        """
        return max(int(self._mark().get("revision", 0)), self.snapshot().revision)

    # ---- writing -----------------------------------------------------------------------------

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one who writes; see `Engine.turn`."""
        with self._turn:
            self._take_lock()
            yield

    def write(
        self, entries: Iterable[Json], closed: Iterable[Json], removed: Iterable[int], revision: int
    ) -> None:
        """Bring the index to a revision, in one commit; the mark follows, and a replay does no harm."""
        with self._turn:
            writer = self._take_lock()
            try:
                for entry in closed:
                    writer.delete_documents_by_term("key", entry["key"])
                    writer.add_json(orjson.dumps(entry).decode())
                for entry in entries:
                    writer.add_json(orjson.dumps(entry).decode())
                for rid in removed:
                    writer.delete_documents_by_term("rid", rid)
                writer.commit()
            except BaseException:
                self._take_back(writer)
                raise
            self._write_mark(revision)

    def clear(self) -> None:
        """Throw everything away."""
        with self._turn:
            writer = self._take_lock()
            writer.delete_all_documents()
            writer.commit()
            self._write_mark(0)

    def close(self) -> None:
        """Let the last merges end and give the lock back."""
        with self._turn:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _take_back(self, writer: tantivy.IndexWriter) -> None:
        """Forget what was not committed: with the next commit it would come twice."""
        try:
            writer.rollback()
        except ValueError:  # a writer that met a full disk is dead; the next one is made anew
            self._writer = None

    def _take_lock(self) -> tantivy.IndexWriter:
        if self._writer is None:
            try:
                self._writer = self._index.writer(heap_size=HEAP, num_threads=1)
            except ValueError as error:
                if "LockBusy" not in str(error):  # a full disk or a folder that is gone is no other process
                    raise
                raise EngineBusy(f"another process writes the index in {self.folder}") from error
        return self._writer

    def _open(self) -> tantivy.Index:
        exists = tantivy.Index.exists(str(self.folder))
        if exists and self._mark().get("fingerprint") != self._fingerprint:
            self._give_way()
            exists = False
        index = tantivy.Index.open(str(self.folder)) if exists else tantivy.Index(_schema(), str(self.folder))
        index.register_tokenizer("words", self._words)
        index.register_tokenizer("plain", self._plain)
        if not exists:
            self._write_mark(0)
        return index

    def _give_way(self) -> None:
        """Throw away an index that was made otherwise, unless it is still being written."""
        try:
            discard(self.folder)
        except EngineBusy as error:
            message = f"{error}, with other vocabularies or another version of Headwater; restart it first"
            raise EngineBusy(message) from error

    def _mark(self) -> dict[str, Any]:
        try:
            mark = orjson.loads((self.folder / MARK).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        return mark if isinstance(mark, dict) else {}

    def _write_mark(self, revision: int) -> None:
        file = self.folder / f"{MARK}.new"
        file.write_bytes(orjson.dumps({"fingerprint": self._fingerprint, "revision": revision}))
        file.replace(self.folder / MARK)


def discard(folder: Path) -> None:
    """Throw an index away, whole or not, so that it is made again when it is opened.

    Raises:
        EngineBusy: another process writes it.
    """
    lock = folder / ".tantivy-writer.lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise EngineBusy(f"another process writes the index in {folder}") from error
    throw_away(folder)


def throw_away(folder: Path) -> None:
    """Remove an index's files."""
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.is_file():
            file.unlink()
