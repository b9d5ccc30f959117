"""An index of three shards, held against one of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from index.engines import COLLAPSES, HISTOGRAMS
from index.engines.tantivy import TantivyEngine
from index.entry import FACETS
from index.record import Record
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from tests.index.plain import walk

SHARDS = 3
EVERYTHING = Request(facets=FACETS, facet_size=100, histograms=HISTOGRAMS, withdrawn="include", sort="kept")


def a(number: int, source: str = "demo", **fields: Any) -> Record:
    fields = {"title": f"Soil {number}", **fields}
    return Record(id=f"{source}:{number}", source=source, **fields)


def told(searched: Catalogue, request: Request = EVERYTHING) -> Any:
    """All that a search says: its answers and every page, but for scores and the state they belong to."""
    answer = replace(searched.search(request), hits=(), next=None)
    return answer, [(hit.kept.rid, hit.kept.revision, hit.members) for hit in walk(searched, request)]


def of_one(store: Store, folder: Path) -> TantivyEngine:
    """An index of one shard, made anew from the store."""
    made = TantivyEngine(folder, writing=True)
    sync(store, made)
    return made


def check_equal(store: Store, engine: TantivyEngine, folder: Path) -> None:
    """The index says and holds what one of a single shard does."""
    one = of_one(store, folder)
    for collapse in COLLAPSES:
        request = replace(EVERYTHING, collapse=collapse)
        assert told(Catalogue(store, engine), request) == told(Catalogue(store, one), request)
    assert sorted(engine.snapshot().held(0, None)) == sorted(one.snapshot().held(0, None))
    one.close()
