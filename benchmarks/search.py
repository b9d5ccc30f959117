"""How fast is a search over HTTP, beside SQLite FTS5 and bare Tantivy on the same records in the same run.

    make bench name=search                              1,000,000 records, about 20 minutes
    make bench name=search ARGS="--records 100000"
    make bench name=search ARGS="--folder /tmp/corpus"  keeps the records for the next time

The node is `headwater serve` in a process of its own; the load generator shares its cores. No question
is asked twice of one system. Before measuring, 20 others of its kind are: figures are of files in
memory, not of a cold disk. SQLite is stopped after a minute; it is compared on the questions it got to.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.corpus import Corpus
from benchmarks.load import Load, in_process, over_http
from benchmarks.peers import RawTantivy, SqliteFts, fill
from benchmarks.processes import process
from benchmarks.questions import KINDS, Kind, Question, questions
from benchmarks.report import last_line, machine, percentiles, say
from index import intake, ledger
from index.batch import Outcome, Raw
from index.engines.tantivy import TantivyEngine
from index.prepared import Prepared, prepare
from index.store import Store

PAGE = 2_000
PEER_SECONDS = 60.0
"""SQLite is stopped after so long with one kind of question."""
WARMING = 20


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--questions", type=int, default=200, help="of each kind, for one client and for 16")
    options.add_argument("--only", choices=KINDS, help="one kind of question")
    options.add_argument("--folder", type=Path, help="keep the records here and use them again")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-search-") as made:
        folder = asked.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        last_line(measured(folder, asked.records, asked.questions, asked.only))


def measured(folder: Path, records: int, count: int, only: str | None) -> dict[str, Any]:
    """Build what is missing, ask everything, and answer the figures."""
    corpus = Corpus()
    with Store(folder / "store.sqlite") as store, process("serve", f"--data={folder}", "--port=0") as serving:
        assert serving.stdout is not None
        base = next(word for word in serving.stdout.readline().split() if word.startswith("http"))
        build(store, corpus, records, folder)
        peer_file = folder / f"peer-{records}.sqlite"
        if not peer_file.exists():
            began = time.perf_counter()
            unfinished = peer_file.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            fill(store, unfinished, say)
            unfinished.rename(peer_file)
            say(f"SQLite FTS5 was filled in {time.perf_counter() - began:.0f} s")
        raw, sqlite = RawTantivy(folder / "index"), SqliteFts(peer_file)
        chosen = [kind for kind in KINDS if kind == only or not only]
        kinds = {kind: compared(kind, corpus, count, base, raw, sqlite) for kind in chosen}
        segments = raw.searcher.num_segments
    return {
        "benchmark": "search",
        "machine": machine(),
        "records": records,
        "segments": segments,
        "kinds": kinds,
    }


def build(store: Store, corpus: Corpus, records: int, folder: Path) -> None:
    """Fill the store while the serving node indexes, and wait until it has come so far."""
    began = time.perf_counter()
    if store.revision() == 0:
        fill_store(store, corpus, records)
    if store.revision() != records:
        message = f"{folder} holds {store.revision()} records, not {records}; name another folder"
        raise SystemExit(message)
    engine = TantivyEngine(folder / "index")
    while engine.revision() < records:
        time.sleep(1)
    say(f"{records:,} records are searchable after {time.perf_counter() - began:.0f} s")


def fill_store(store: Store, corpus: Corpus, records: int) -> None:
    """Keep all records, as harvests that run side by side would."""
    runs: dict[str, int] = {}
    for number, batch in enumerate(in_batches(corpus, records)):
        for source, prepared in batch.items():
            if source not in runs:
                begun = ledger.begin(store, source, origin="replica", scope="everything", kind="full")
                runs[source] = begun.run_id
            keep(store, runs[source], source, prepared)
        if number % 25 == 24:
            say(f"  {store.revision():,} records kept")
    for run_id in runs.values():
        ledger.end(store, run_id, state="complete", error=None, traffic={})


def in_batches(corpus: Corpus, records: int) -> Iterator[dict[str, list[Prepared]]]:
    """Make records, so many at a time, by source."""
    batch: dict[str, list[Prepared]] = {}
    for number, record in enumerate(corpus.records(records), 1):
        batch.setdefault(record.source, []).append(prepare(record))
        if number % PAGE == 0 or number == records:
            yield batch
            batch = {}


def keep(store: Store, run_id: int, source: str, records: Sequence[Prepared]) -> None:
    """Keep records as a harvest does, their own JSON in the place of documents."""
    stamp = "2026-11-01T00:00:00Z"
    raws = [Raw(record.id.partition(":")[2], record.body, "application/json") for record in records]
    waiting = intake.keep_page(
        store, run_id, source=source, url="made", asked_at=stamp, raws=raws, bookmark="{}", announced=None,
        mapping_version=1,
    )  # fmt: skip
    outcomes = [Outcome(w.did, w.digest, record) for w, record in zip(waiting, records, strict=True)]
    intake.keep_readings(
        store, run_id, outcomes, source=source, origin="replica", retrieved_at=stamp, mapping_version=1,
        findings={},
    )  # fmt: skip


def compared(kind: Kind, corpus: Corpus, count: int, base: str, raw: RawTantivy, sqlite: SqliteFts) -> Any:
    """Ask one kind of question of all three, with one client and with sixteen."""
    if kind == "deep page":  # each costs 50 pages to get there
        count //= 5
    every = questions(corpus, kind, WARMING + 2 * count)
    if kind == "deep page":
        depth = raw.searcher.num_docs // 20_000 * 100
        every = [question for question in every if deepened(question, base, raw, depth)]
        count = (len(every) - WARMING) // 2
    raw.prepare(every)
    warming, one, sixteen = every[:WARMING], every[WARMING : WARMING + count], every[WARMING + count :]
    figures: dict[str, Any] = {"questions": count, "hits_p50": 0}
    loads: dict[tuple[str, int], Load] = {}
    for clients, asked in ((1, one), (16, sixteen)):
        over_http(base, [question.path() for question in warming], 1)
        loads["headwater", clients] = over_http(base, [question.path() for question in asked], clients)
        in_process(raw.ask, warming, 1, PEER_SECONDS)
        loads["tantivy", clients] = in_process(raw.ask, asked, clients, PEER_SECONDS)
        in_process(sqlite.ask, warming[:5], 1, PEER_SECONDS)
        loads["sqlite", clients] = in_process(sqlite.ask, asked, clients, PEER_SECONDS)
        for system in ("headwater", "tantivy", "sqlite"):
            load = loads[system, clients]
            figures[f"{system}, {clients}"] = {**load.shown(), "asked": len(load.seconds)}
    totals = sorted(raw.ask(question) for question in one)
    figures["hits_p50"] = totals[len(totals) // 2]
    figures["same_totals"] = agreed(one, base, raw, sqlite)
    done = len(loads["sqlite", 1].seconds)
    ours, theirs = percentiles(loads["headwater", 1].seconds[:done]), percentiles(loads["sqlite", 1].seconds)
    figures["faster_than_sqlite"] = {
        name: round(theirs[name] / ours[name], 2) for name in ("p50_ms", "p95_ms")
    }
    figures["share_of_tantivy_qps"] = {
        clients: round(
            loads["headwater", clients].shown()["qps"] / loads["tantivy", clients].shown()["qps"], 2
        )
        for clients in (1, 16)
    }
    say(f"{kind}: {orjson.dumps(figures, option=orjson.OPT_NON_STR_KEYS).decode()}")
    return figures


def deepened(question: Question, base: str, raw: RawTantivy, depth: int) -> bool:
    """Page down by date until the deep page, and remember where that is."""
    question.after = raw.place(question, depth)
    if question.after is None:
        return False
    path = question.path().replace("size=20", "size=100")
    cursor = ""
    for _ in range(depth // 100):
        with urllib.request.urlopen(base + path + cursor, timeout=30) as answer:
            question.cursor = orjson.loads(answer.read())["next"]
        cursor = f"&cursor={question.cursor}"
    return question.cursor is not None


def agreed(asked: Sequence[Question], base: str, raw: RawTantivy, sqlite: SqliteFts) -> str:
    """Count the questions for which all give the same total, among the first 20."""
    same = 0
    for question in asked[:20]:
        with urllib.request.urlopen(base + question.path(), timeout=60) as answer:
            ours = orjson.loads(answer.read())["total"]
        expected = (
            ours if question.after else raw.ask(question)
        )  # bare Tantivy counts what is after the place
        same += ours == expected == sqlite.ask(question)
    return f"{same} of {len(asked[:20])}"


if __name__ == "__main__":
    main()
