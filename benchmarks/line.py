"""How fast is the line: read() of every source, and replica -> store -> engine for generated records.

The replica runs in a process of its own, the harvest, the store and the engine in this one, as in a node.
    make bench name=line                        100,000 records of zenodo, by its dump
    make bench name=line ARGS="--records 20000 --source figshare"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.report import last_line, machine, resident_mb, say
from harvester import registry, run
from harvester.http import Http
from harvester.rehearse import REPLICAS
from harvester.replicas.holdings import Listed
from harvester.run import Order, harvest
from index import intake
from index import sync as syncing
from index.engines.tantivy import TantivyEngine
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
    """Harvest generated records into an empty store while the engine follows."""
    memory: list[float] = []
    with replica_process(name, records) as base, stages() as spent, Store(folder / "store.sqlite") as store:
        engine = TantivyEngine(folder / "index", writing=True)
        stop = threading.Event()
        follower = threading.Thread(target=follow, args=(store, engine, stop))
        began = time.perf_counter()
        follower.start()
        async with Http(user_agent="Headwater/bench (+loopback)", offline=True) as http:
            order = Order(registry.source(name), "everything", "full", base)
            report = await harvest(store, http, order, lambda now: watch(now, memory, records))
        harvested = time.perf_counter() - began
        stop.set()
        follower.join()
        syncing.sync(store, engine)
        whole = time.perf_counter() - began
        held = store.counts()[name]["current"]
        engine.close()
        size = await asyncio.to_thread(size_of, folder)
    if report.state != "complete" or held != records:
        message = f"the harvest ended {report.state} with {held} of {records}: {report.error}"
        raise SystemExit(message)
    quarters = [memory[len(memory) * part // 4] for part in range(1, 4)] + memory[-1:]
    return {
        "source": name,
        "records": records,
        "seconds": round(whole, 1),
        "records_per_second": round(records / whole),
        "harvest_alone_per_second": round(records / harvested),
        "bytes_on_disk_per_record": round(size / records),
        "resident_mb_at_quarters": quarters,
        "seconds_by_stage": {stage: round(seconds, 1) for stage, seconds in spent.items()},
    }


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def watch(report: run.Report, memory: list[float], records: int) -> None:
    memory.append(resident_mb())
    if report.pages % 20 == 0:
        say(f"  {report.counts['seen']:,} of {records:,}, {memory[-1]:.0f} MB")


def follow(store: Store, engine: TantivyEngine, stop: threading.Event) -> None:
    """Keep the engine up to date, as a serving node does."""
    while not stop.wait(0.5):
        syncing.sync(store, engine)


@contextmanager
def replica_process(name: str, records: int) -> Iterator[str]:
    """Run the replica in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "api.cli",
        "rehearse",
        name,
        "--generate",
        str(records),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())[name]
        finally:
            process.terminate()


@contextmanager
def stages() -> Iterator[dict[str, float]]:
    """Add up the time of each stage; they overlap where threads do."""
    spent: dict[str, float] = {}
    places: list[tuple[Any, str, str]] = [
        (intake, "keep_page", "keep pages"),
        (run, "_read", "read"),
        (intake, "keep_readings", "keep records"),
        (TantivyEngine, "write", "index"),
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
