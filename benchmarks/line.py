"""How fast is the line: read() of every source, and replica -> store -> engine for generated records.

Processes as in a node: the replica, `headwater serve` with the engine, this one with harvest and store, and
the reading process that a long harvest starts.
    make bench name=line                        100,000 records of zenodo, by its dump
    make bench name=line ARGS="--records 20000 --source figshare"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.processes import process, processor_seconds, size_of
from benchmarks.report import last_line, machine, memory_mb, say
from config.process import settle
from harvester import registry, run
from harvester.http import Http
from harvester.rehearse import REPLICAS
from harvester.replicas.holdings import Listed
from harvester.run import Order, harvest
from index import intake
from index.engines.tantivy import TantivyEngine
from index.search import Catalogue, Request
from index.store import Store

READ_EACH = 2000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--source", default="zenodo")
    asked = options.parse_args()
    say("read() of each source, one thread")
    reads = {source.card.name: read_rate(source.card.name) for source in registry.SOURCES}
    say(json.dumps(reads))
    settle()  # as the command does
    with tempfile.TemporaryDirectory(prefix="headwater-line-") as folder:
        line = asyncio.run(whole_line(asked.source, asked.records, Path(folder)))
    last_line({"benchmark": "line", "machine": machine(), "read_per_second": reads, "line": line})


def read_rate(name: str) -> int:
    """Records per second of read() alone, over generated documents."""
    source = registry.source(name)
    replica = REPLICAS[name]
    made = replica.generated(READ_EACH, 1)
    answers = replica.as_documents(Listed.of(made[place] for place in range(READ_EACH)))
    documents = [document for answer in answers for document in source.documents(answer)]
    for document in documents[:50]:
        source.read(document)
    began = time.perf_counter()
    for document in documents:
        source.read(document)
    return round(len(documents) / (time.perf_counter() - began))


async def whole_line(name: str, records: int, folder: Path) -> dict[str, Any]:
    """Harvest generated records into an empty store while a serving node brings them into its engine."""
    seen = Seen(records)
    with (
        process("rehearse", name, f"--generate={records}", "--port=0", "--json") as upstream,
        process("serve", f"--data={folder}", "--port=0") as serving,
        stages() as spent,
        Store(folder / "store.sqlite") as store,
    ):
        assert upstream.stdout is not None
        base = json.loads(upstream.stdout.readline())[name]
        make_ahead(name, base)
        engine = TantivyEngine(folder / "index")
        parts = {"replica": upstream.pid, "harvest and store": os.getpid(), "engine": serving.pid}
        before = {part: processor_seconds(pid) for part, pid in parts.items()}
        began = time.perf_counter()
        async with Http(user_agent="Headwater/bench (+loopback)", offline=True) as http:
            order = Order(registry.source(name), "everything", "full", base)
            report = await harvest(store, http, order, seen.watch)
        harvested = time.perf_counter() - began
        while engine.revision() < store.revision():  # noqa: ASYNC110  # another process brings it there
            await asyncio.sleep(0.05)
        whole = time.perf_counter() - began
        busy = {part: processor_seconds(pid) - before[part] for part, pid in parts.items()}
        held = Catalogue(store, engine).search(Request(size=0)).total
        size = await asyncio.to_thread(size_of, folder)
    if report.state != "complete" or held != records:
        message = f"the harvest ended {report.state} with {held} of {records}: {report.error}"
        raise SystemExit(message)
    return {
        "source": name,
        "records": records,
        "seconds": round(whole, 1),
        "records_per_second": round(records / whole),
        "harvest_alone_per_second": round(records / harvested),
        "bytes_on_disk_per_record": round(size / records),
        "memory_mb_at_quarters": seen.at_quarters(),
        "processor_seconds": {part: round(each, 1) for part, each in (busy | {"read": seen.reading}).items()},
        "wall_seconds_by_stage": {stage: round(seconds, 1) for stage, seconds in spent.items()},
    }


MADE_AHEAD = {"zenodo": "/api/exporter"}
"""What an upstream has made before anybody asks for it, such as the dump of the month."""


def make_ahead(name: str, base: str) -> None:
    if path := MADE_AHEAD.get(name):
        with urllib.request.urlopen(base + path, timeout=300) as answer:
            answer.read()


class Seen:
    """What can be seen of a harvest while it runs: memory, and the processor time of the reading process."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.memory: list[float] = []
        self.reading = 0.0

    def watch(self, report: run.Report) -> None:
        self.memory.append(memory_mb())
        for child in multiprocessing.active_children():
            self.reading = processor_seconds(child.pid or 0)
        if len(self.memory) % 20 == 0:
            say(f"  {report.counts['added']:,} of {self.records:,}, {self.memory[-1]:.0f} MB")

    def at_quarters(self) -> list[float]:
        return [self.memory[len(self.memory) * part // 4] for part in range(1, 4)] + self.memory[-1:]


@contextmanager
def stages() -> Iterator[dict[str, float]]:
    """Add up the time of each stage; they overlap where threads do."""
    spent: dict[str, float] = {}
    places: list[tuple[Any, str, str]] = [
        (intake, "keep_page", "keep pages"),
        (intake, "keep_readings", "keep records"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, stage in places:
        setattr(owner, name, timed(getattr(owner, name), spent, stage))
    try:
        yield spent
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def timed(work: Callable[..., Any], spent: dict[str, float], stage: str) -> Callable[..., Any]:
    @wraps(work)
    def measured(*args: object, **named: object) -> Any:
        began = time.perf_counter()
        try:
            return work(*args, **named)
        finally:
            spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - began

    return measured


if __name__ == "__main__":
    main()
