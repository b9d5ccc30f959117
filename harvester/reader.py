"""Documents to records, many at a time: in a thread, or beside us in a process when a harvest is long.

Reading is the part of a harvest that needs Python most, and a second core helps it only in a process of
its own. That takes a second to start, so a harvest of some hundred documents does without.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from config.process import settle
from harvester import registry
from harvester import scope as scoping
from harvester.fates import is_known
from harvester.paths import Tally
from harvester.reading import attempt
from harvester.source import Document, Source
from index import vocab
from index.batch import Outcome, Unread
from index.intake import Findings
from index.losses import Paths
from index.prepared import prepare

log = structlog.get_logger()

LONG = 2_000
"""Documents from which on a harvest is long."""

LOOK_AT_ONE_IN = 8
"""In a long harvest one document of eight is looked at for its paths: to count those of each would cost up to
a quarter of the time of reading (EMPIAR), so it costs 3 %. The digest chooses: the same ones each time."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What became of documents, and what was noticed on the way."""

    outcomes: Sequence[Outcome]
    findings: Findings
    paths: Paths
    """What the documents told, whether it was mapped or not."""


class Reader:
    """Reads for one harvest. Close it."""

    def __init__(self, source: Source, scope: str) -> None:
        self.source, self.scope = source, scope
        self._seen = 0
        self._beside: ProcessPoolExecutor | None = None

    async def read(self, batch: Sequence[Unread]) -> Readings:
        """Read a batch."""
        self._seen += len(batch)
        if self._beside is None and self._seen > LONG:
            spawn = multiprocessing.get_context("spawn")
            self._beside = ProcessPoolExecutor(
                1, mp_context=spawn, initializer=_begin, initargs=(vocab.folder(),)
            )
        if self._beside is not None and batch:
            name = self.source.card.name
            work = self._beside.submit(_read_by_name, name, self.scope, batch, self._one_in)
            try:
                return await asyncio.wrap_future(work)
            except BrokenProcessPool:
                # Ended by the system, as when memory runs out. Its documents are still ours to read.
                log.warning("the reading process ended; reading goes on in this one", source=name)
                self.close()
                self._seen = -(10**12)
        return await asyncio.to_thread(read_batch, self.source, self.scope, batch, self._one_in)

    @property
    def _one_in(self) -> int:
        return LOOK_AT_ONE_IN if self._seen > LONG or self._seen < 0 else 1

    def close(self) -> None:
        """End the process beside us."""
        if self._beside is not None:
            self._beside.shutdown(wait=False, cancel_futures=True)
            self._beside = None


def read_batch(source: Source, scope: str, batch: Iterable[Unread], one_in: int = 1) -> Readings:
    """Read documents; each becomes a record, out of scope, or a reason to set it aside.

    Args:
        source: whose they are.
        scope: what shall be kept of it.
        batch: the documents.
        one_in: of so many, one is looked at for its paths.
    """
    outcomes: list[Outcome] = []
    findings: Findings = {}
    tally = Tally()
    for waiting in batch:
        raw = waiting.raw
        document = Document(raw.upstream_id, raw.body, raw.media_type)
        result = attempt(source, document)
        if isinstance(result, str):
            outcomes.append(Outcome(waiting.did, waiting.digest, None, result))
            continue
        if one_in == 1 or waiting.digest[0] % one_in == 0:
            tally.add(source.told(document))
        for path in result.unmapped:
            _note(findings, ("unmapped", path), raw.upstream_id)
        for reason, value in result.notes:
            _note(findings, ("value", reason), f"{raw.upstream_id}: {value}")
        placed = scoping.place(result.record, scope)
        record = prepare(placed.record)
        outcomes.append(Outcome(waiting.did, waiting.digest, record, only_if_held=not placed.is_inside))
    return Readings(outcomes, findings, tally.paths(partial(is_known, source.card.name)))


def _note(findings: Findings, key: tuple[str, str], example: str) -> None:
    count, first = findings.get(key, (0, example))
    findings[key] = count + 1, first


def _read_by_name(name: str, scope: str, batch: Sequence[Unread], one_in: int) -> Readings:
    return read_batch(registry.source(name), scope, batch, one_in)


def _begin(vocabularies: Path | None) -> None:
    """Begin a reading process: it leaves Ctrl-C to its parent, and ends when that one is gone."""
    vocab.use(vocabularies)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    settle()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)  # a killed parent cannot tell us to stop, and the queue we wait on never closes
