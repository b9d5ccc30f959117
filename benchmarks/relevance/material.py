"""The records that questions are asked of: those of the replicas, and those found in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.building import keep
from harvester import registry
from harvester.reading import attempt, documents_in
from harvester.rehearse import REPLICAS
from harvester.source import Document, Source
from index import ledger
from index.engines.tantivy import TantivyEngine
from index.prepared import prepare
from index.record import Record
from index.search import Catalogue
from index.store import Store
from index.sync import sync


def bundled() -> dict[str, Record]:
    """Read what the replicas hold, by id."""
    return {record.id: record for source in registry.SOURCES for record in _read(source, _in_replica(source))}


def found(folder: Path) -> dict[str, Record]:
    """Read every document in a folder of recorded upstream answers, one folder per source."""
    return {
        record.id: record
        for source in registry.SOURCES
        for record in _read(source, documents_in(source, folder))
    }


def _in_replica(source: Source) -> Iterator[Document]:
    replica = REPLICAS[source.card.name]
    for body in replica.as_documents(replica.bundled()):
        yield from source.documents(body)


def _read(source: Source, documents: Iterable[Document]) -> Iterator[Record]:
    """Read documents; what is withdrawn or cannot be read is no answer to a question."""
    for document in documents:
        reading = attempt(source, document)
        if not isinstance(reading, str) and not reading.record.withdrawn:
            yield reading.record


def catalogue(records: Iterable[Record], folder: Path) -> Catalogue:
    """Store and index records in a new folder."""
    store = Store(folder / "store.sqlite")
    by_source: dict[str, list[Record]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    for source, group in by_source.items():
        begun = ledger.begin(store, source, origin="replica", scope="everything", kind="full")
        keep(store, begun.run_id, source, [prepare(record) for record in group])
        ledger.end(store, begun.run_id, state="complete", error=None, traffic={})
    engine = TantivyEngine(folder / "index", writing=True)
    sync(store, engine)
    return Catalogue(store, engine)
