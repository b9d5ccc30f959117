"""Tantivy, embedded: the only package that speaks it.

Facts this package rests on (tantivy 0.27 for Python, tried 2026-11): there is no primary key, so a version
is replaced by deleting its key and adding it; adding, committing, searching and aggregating release the
GIL; one writer per folder, over all processes; a killed writer leaves the last commit and no stale lock;
`limit=0` panics; term, prefix and phrase queries do not analyze their words, so we do.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import tantivy

from index.engines import SnapshotGone
from index.engines.tantivy.queries import LAST_DAYS, NAMES, TEXTS, Compiler, analyzer
from index.engines.tantivy.shards import together
from index.engines.tantivy.snapshot import TantivySnapshot
from index.engines.tantivy.table import Tables
from index.engines.tantivy.writing import (
    MARK,
    EngineBusy,
    Mark,
    Writers,
    discard,
    mark_of,
    places,
    throw_away,
    write_mark,
)
from index.entry import (
    DAY_FIELDS,
    ENTRY_VERSION,
    GROUP_FIELDS,
    ID_FIELDS,
    OPEN_END,
    RID_BITS,
    TOGETHER_FIELDS,
    TOKEN_FIELDS,
    UP_FIELDS,
)
from index.record import Json
from index.vocab import fingerprint as vocabulary

__all__ = ["EngineBusy", "TantivyEngine", "discard", "fingerprint", "throw_away"]

HELD_STATES, HELD_FOR = 64, 900.0
"""So many older states are held for relevance cursors, for so many seconds."""

TRIES, PAUSE = 50, 0.01
"""How often files that change meanwhile are read again, and the seconds in between."""


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


def fingerprint(shards: int = 1) -> str:
    """Answer what an index is made with: fields, analyzers, version, vocabularies and number of shards.

    Another fingerprint means: make it again.
    """
    made_with = [
        ENTRY_VERSION, version("tantivy").rsplit(".", 1)[0], TOKEN_FIELDS, ID_FIELDS, UP_FIELDS,
        TOGETHER_FIELDS, RID_BITS, GROUP_FIELDS, vocabulary(), *([shards] if shards > 1 else ()),
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(made_with).encode(), digest_size=8).hexdigest()


class TantivyEngine:
    """An index in a folder. Many may read it; the first that writes holds the lock until it closes.

    It may be made of several indexes, the shards: a record, with all its versions, is in the one its number
    says. They are searched side by side (`shards`) and written together (`writing`).
    """

    def __init__(self, folder: Path, *, writing: bool = False, shards: int = 1) -> None:
        """Open or create; an index with another fingerprint is thrown away.

        Raises:
            EngineBusy: `writing` is asked and another process writes, or one that was started with other
                vocabularies or another number of shards still does: its index is not taken from under it.
        """
        self.folder, self.writing = folder, writing
        self._lock, self._turn = threading.Lock(), threading.RLock()
        self._fingerprint = fingerprint(shards)
        self._held: OrderedDict[str, tuple[float, TantivySnapshot]] = OrderedDict()
        self._tables = Tables()
        self._settled: tuple[int, TantivySnapshot] | None = None
        """The newest state that all shards agreed on, and the revision it was marked with."""
        self._writers: Writers | None = None
        self._words, self._plain = analyzer(stemmed=True), analyzer(stemmed=False)
        self._places = places(folder, shards)
        self._indexes = self._open()
        self._queries = Compiler(self._indexes[0].schema, self._words, self._plain)
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
        """Read the files' state and the searchers together; a commit in between is noticed and waited for."""
        self._wait()
        for _ in range(TRIES):
            before, mark = self._read()
            if known := self._known(before, mark):
                return known
            for index in self._indexes:
                index.reload()
            searchers = [index.searcher() for index in self._indexes]
            if before == self._read()[0]:
                reached = None if mark.is_settled else mark.revision
                snapshot = TantivySnapshot(
                    together(searchers), before, self._queries, self._plain, self._tables, reached
                )
                self._hold(snapshot)
                if mark.is_settled:
                    self._settled = mark.revision, snapshot
                return snapshot
            time.sleep(PAUSE)
        raise SnapshotGone("the index changes faster than it can be opened")

    def _known(self, state: str, mark: Mark) -> TantivySnapshot | None:
        """Answer a state that is held; while shards are committed, the one from before the first was."""
        if not mark.is_settled and self._settled is not None and self._settled[0] == mark.revision:
            return self._settled[1]
        return self._held[state][1] if state in self._held else None

    def _wait(self) -> None:
        """Wait while shards are being committed, unless a state is held that is as good; not for ever.

        Nobody may be at it: who was may have been killed.
        """
        for _ in range(TRIES if self._has_shards else 0):
            state, mark = self._read()
            if mark.is_settled or self._known(state, mark):
                return
            time.sleep(PAUSE)

    def _hold(self, snapshot: TantivySnapshot) -> None:
        clock = time.monotonic()
        self._held[snapshot.state] = clock, snapshot
        for state, (since, _) in list(self._held.items())[:-1]:
            if len(self._held) > HELD_STATES or clock - since > HELD_FOR:
                del self._held[state]

    def _read(self) -> tuple[str, Mark]:
        """Read the state that the files are in; of one index alone, no mark says more than its own file."""
        told = [(place / "meta.json").read_bytes() for place in self._places]
        mark = Mark()
        if self._has_shards:
            told.append(self._mark_read())
            mark = mark_of(told[-1])
        return hashlib.blake2b(b"".join(told), digest_size=9).hexdigest(), mark

    def revision(self) -> int:
        """Answer the store's revision up to which the index has come.

        What was committed tells it; the mark knows of revisions that leave nothing in the index. Of shards
        only the mark tells what all of them have come to.
        """
        reached = self._mark().revision
        return reached if self._has_shards else max(reached, self.snapshot().revision)

    def begun(self) -> int:
        """Answer up to which revision some of it may have come; see `Engine.begun`."""
        return max(self.revision(), self._mark().begun) if self._has_shards else self.revision()

    @property
    def _has_shards(self) -> bool:
        return len(self._places) > 1

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
        """Bring the index to a revision, in one commit a shard; the mark follows, a replay does no harm."""
        with self._turn:
            writers, mark = self._take_lock(), self._mark()
            is_settled = mark.is_settled or not self._has_shards
            if self._has_shards and is_settled:
                self.snapshot()  # who searches while shards are committed is given this one
            try:
                for entry in closed:
                    writers.put(entry)
                for entry in entries:
                    writers.add(entry) if is_settled else writers.put(entry)
                for rid in removed:
                    writers.remove(rid)
                if self._has_shards:
                    self._write_mark(mark.revision, max(revision, mark.begun))
                writers.commit()
            except BaseException:
                self._take_back(writers)
                raise
            self._write_mark(revision, revision if is_settled else mark.begun)

    def clear(self) -> None:
        """Throw everything away."""
        with self._turn:
            writers = self._take_lock()
            if self._has_shards:
                # Half cleared it is of no worth: no store has come so far, so that it is cleared again.
                self._write_mark(0, OPEN_END)
            writers.remove_all()
            writers.commit()
            self._write_mark(0)

    def close(self) -> None:
        """Let the last merges end and give the lock back."""
        with self._turn:
            if self._writers is not None:
                self._writers.close()
                self._writers = None

    def _take_back(self, writers: Writers) -> None:
        """Forget what was not committed: with the next commit it would come twice."""
        if not writers.take_back():
            self._writers = None

    def _take_lock(self) -> Writers:
        if self._writers is None:
            self._writers = Writers(self._indexes, self.folder)
        return self._writers

    def _open(self) -> tuple[tantivy.Index, ...]:
        there = [place.is_dir() and tantivy.Index.exists(str(place)) for place in self._places]
        made_with = self._mark().fingerprint
        is_other = made_with != self._fingerprint and (any(there) or made_with is not None)
        if is_other or (any(there) and not all(there)):  # a shard is lost, or was never made
            self._give_way()
            there = [False]
        indexes = tuple(map(self._opened, self._places))
        if not all(there):
            self._write_mark(0)
        return indexes

    def _opened(self, place: Path) -> tantivy.Index:
        place.mkdir(parents=True, exist_ok=True)
        exists = tantivy.Index.exists(str(place))
        index = tantivy.Index.open(str(place)) if exists else tantivy.Index(_schema(), str(place))
        index.register_tokenizer("words", self._words)
        index.register_tokenizer("plain", self._plain)
        return index

    def _give_way(self) -> None:
        """Throw away an index that was made otherwise, unless it is still being written."""
        try:
            discard(self.folder)
        except EngineBusy as error:
            others = "vocabularies, another number of shards or another version of Headwater"
            message = f"{error}, with other {others}; restart it first"
            raise EngineBusy(message) from error

    def _mark(self) -> Mark:
        return mark_of(self._mark_read())

    def _mark_read(self) -> bytes:
        try:
            return (self.folder / MARK).read_bytes()
        except FileNotFoundError:
            return b""

    def _write_mark(self, revision: int, begun: int = 0) -> None:
        write_mark(self.folder, Mark(self._fingerprint, revision, begun))
