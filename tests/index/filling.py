"""Filling a store without a harvest: records go the way that readings go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from index import intake, ledger
from index.batch import Outcome, Raw, Unread
from index.engines.tantivy import TantivyEngine
from index.prepared import prepare
from index.record import Record
from index.search import Catalogue
from index.store import Store
from index.sync import sync


def read_as(waiting: Unread, record: Record) -> Outcome:
    """What became of a document: this record."""
    return Outcome(waiting.did, waiting.digest, prepare(record))


def fill(store: Store, records: Iterable[Record], source: str = "demo") -> dict[str, int]:
    """Keep records as one page of one complete run; answer the counts."""
    run = ledger.begin(store, source, origin="replica", scope="everything", kind="full")
    wanted = list(records)
    raws = [Raw(record.id, record.model_dump_json().encode(), "application/json") for record in wanted]
    unread = intake.keep_page(
        store, run.run_id, source=source, url="https://demo", asked_at="2026-11-22T10:00:00Z", raws=raws,
        bookmark="1", announced=len(raws), mapping_version=1,
    )  # fmt: skip
    by_id = {record.id: record for record in wanted}
    counts = intake.keep_readings(
        store, run.run_id, [read_as(u, by_id[u.raw.upstream_id]) for u in unread], source=source,
        origin="replica", retrieved_at="2026-11-22T10:00:00Z", mapping_version=1, findings={},
    )  # fmt: skip
    ledger.end(store, run.run_id, state="complete")
    return dict(counts)


def set_aside(
    store: Store, bodies: Mapping[str, bytes], source: str = "demo", reason: str = "the title is missing"
) -> list[int]:
    """Keep documents that cannot be read, in the newest run; answer their numbers."""
    run_id = store.runs(source)[0]["id"]
    unread = intake.keep_page(
        store, run_id, source=source, url="https://demo", asked_at="2026-11-22T11:00:00Z",
        raws=[Raw(id_, body, "application/json") for id_, body in bodies.items()],
        bookmark="2", announced=None, mapping_version=1,
    )  # fmt: skip
    intake.keep_readings(
        store, run_id, [Outcome(u.did, u.digest, None, reason) for u in unread], source=source,
        origin="replica", retrieved_at="2026-11-22T11:00:00Z", mapping_version=1, findings={},
    )  # fmt: skip
    ledger.begin_anew(store, source)
    return [waiting.did for waiting in unread]


SHARDS = 1
"""Of the indexes that are made here; see `one_and_three` in conftest.py."""


def opened(folder: Path) -> TantivyEngine:
    """Open an index for writing."""
    return TantivyEngine(folder / "index", writing=True, shards=SHARDS)


def catalogue(store: Store, folder: Path) -> Catalogue:
    """Index a store and open it for searching."""
    engine = opened(folder)
    sync(store, engine)
    return Catalogue(store, engine)
