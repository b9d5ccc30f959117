"""Making what is measured: the store full of made-up records, indexed by the serving node.

Building may be stopped at any time and goes on where it was; a folder of fewer records grows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from benchmarks.corpus import BLOCK, CORPUS_VERSION, Corpus
from benchmarks.processes import Node, processor_seconds, size_of
from benchmarks.report import memory_mb, say
from index import intake, ledger
from index.batch import Outcome, Raw
from index.engines.tantivy import TantivyEngine
from index.prepared import Prepared, prepare
from index.store import Store

PAGE = 2_000
MARK = "corpus.json"
"""Says what a folder's records were made by."""

QUIET, QUIET_SECONDS = 0.1, 3.0
"""A node that takes a tenth of a core for three seconds merges no segments any more."""


@dataclass(slots=True)
class Costs:
    """What building took."""

    began: float = field(default_factory=time.perf_counter)
    most: dict[str, float] = field(default_factory=dict)
    """The most memory of each process that was seen, in MB."""

    def look(self, **pids: int | None) -> None:
        """Look at processes; None is this one."""
        for name, pid in pids.items():
            self.most[name] = max(self.most.get(name, 0.0), memory_mb(pid))

    @property
    def seconds(self) -> int:
        return round(time.perf_counter() - self.began)


def build(
    store: Store, corpus: Corpus, records: int, folder: Path, node: Node, shards: int = 1
) -> dict[str, object]:
    """Fill the store while the node indexes, wait until it has come so far, and say what it cost.

    Raises:
        SystemExit: the folder holds other records, or more.
    """
    costs = Costs()
    held = held_of(store, corpus, records, folder)
    for kept in fill_store(store, corpus, records, held):
        costs.look(builder=None, node=node.running.pid)
        if kept % (25 * PAGE) == 0:
            say(f"  {kept:,} records kept after {costs.seconds} s")
    engine = TantivyEngine(folder / "index", shards=shards)
    while engine.revision() < store.revision():
        node.check()
        costs.look(node=node.running.pid)
        time.sleep(1)
    searchable = costs.seconds
    wait_until_quiet(node, costs)
    say(f"{records:,} records are searchable after {searchable} s")
    return {
        "records_before": held,
        "seconds": searchable,
        "memory_mb": costs.most,
        "store_mb": round((folder / "store.sqlite").stat().st_size / 1e6, 1),
        "index_mb": round(size_of(folder / "index") / 1e6, 1),
    }


def held_of(store: Store, corpus: Corpus, records: int, folder: Path) -> int:
    """Count the records a folder holds, once it is sure that they are the corpus's first."""
    if records % BLOCK:
        raise SystemExit(f"--records={records} must be a multiple of {BLOCK:,}: no family reaches beyond one")
    made_by = {"corpus": CORPUS_VERSION, "seed": corpus.seed}
    held, mark = held_in(store), folder / MARK
    if held and (not mark.exists() or orjson.loads(mark.read_bytes()) != made_by):
        raise SystemExit(f"{folder} holds records of another corpus; name another folder")
    if held > records:
        raise SystemExit(f"{folder} holds {held:,} records, more than {records:,}; name another folder")
    mark.write_bytes(orjson.dumps(made_by))
    return held


def held_in(store: Store) -> int:
    """Count records; revisions are more, where families changed."""
    return sum(count for states in store.counts().values() for count in states.values())


def wait_until_quiet(node: Node, costs: Costs) -> None:
    """Wait until the node has merged its segments, so that none is merged while we measure."""
    before = processor_seconds(node.running.pid)
    while True:
        time.sleep(QUIET_SECONDS)
        node.check()
        costs.look(node=node.running.pid)
        now = processor_seconds(node.running.pid)
        if now - before < QUIET * QUIET_SECONDS:
            return
        before = now


def fill_store(store: Store, corpus: Corpus, records: int, held: int) -> Iterator[int]:
    """Keep all records, as harvests that run side by side would; yield how many after each page.

    What is held are whole pages and perhaps some sources of one more, which is kept again: that changes
    nothing in what is there.
    """
    runs: dict[str, int] = {}
    whole = held // PAGE * PAGE
    for start in range(whole, records, PAGE):
        page = min(start + PAGE, records)
        for source, prepared in by_source(corpus, start, page).items():
            if source not in runs:
                begun = ledger.begin(store, source, origin="replica", scope="everything", kind="full")
                runs[source] = begun.run_id
            keep(store, runs[source], source, prepared)
        yield page
    for run_id in runs.values():
        ledger.end(store, run_id, state="complete", error=None, traffic={})


def by_source(corpus: Corpus, after: int, until: int) -> dict[str, list[Prepared]]:
    """Make records, by source."""
    found: dict[str, list[Prepared]] = {}
    for record in corpus.records(until, after):
        found.setdefault(record.source, []).append(prepare(record))
    return found


def keep(store: Store, run_id: int, source: str, records: Sequence[Prepared]) -> None:
    """Keep records as a harvest does, their own JSON in the place of documents."""
    stamp = "2026-11-01T00:00:00Z"
    named = {record.id.partition(":")[2]: record for record in records}
    raws = [Raw(name, record.body, "application/json") for name, record in named.items()]
    waiting = intake.keep_page(
        store, run_id, source=source, url="made", asked_at=stamp, raws=raws, bookmark="{}", announced=None,
        mapping_version=1,
    )  # fmt: skip
    outcomes = [Outcome(each.did, each.digest, named[each.raw.upstream_id]) for each in waiting]
    intake.keep_readings(
        store, run_id, outcomes, source=source, origin="replica", retrieved_at=stamp, mapping_version=1,
        findings={},
    )  # fmt: skip
