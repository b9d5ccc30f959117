"""Indexing in a serving node neither ends silently, nor holds up the end, nor brings a record twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api import indexing
from api.health import facts_of
from api.indexing import Indexing
from api.node import Node
from index import sync
from index.engines.tantivy import TantivyEngine
from index.record import Json, Record
from index.search import Catalogue, Request
from index.store import Store
from tests.index.filling import fill

MANY = 60


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    store = Store(tmp_path / "store.sqlite")
    fill(store, [Record(id=f"demo:{n}", source="demo", title=f"mouse {n}") for n in range(MANY)])
    engine = TantivyEngine(tmp_path / "index")
    node = Node(store, engine)
    yield node
    node.close()
    engine.close()
    store.close()


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[None]:
    task = Indexing(node)
    ended = asyncio.create_task(task.run())
    yield
    task.stop()
    await asyncio.wait_for(ended, 10)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # another thread makes it true
            await asyncio.sleep(0.01)


async def test_a_long_indexing_stops_after_a_batch_and_goes_on_at_the_next_start(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "BATCH", 1)
    async with running(node):
        await until(lambda: node.engine.revision() > 2)
    reached = node.engine.revision()
    assert 2 < reached < MANY
    async with running(node):
        await until(lambda: node.engine.revision() == MANY)
    assert Catalogue(node.store, node.engine).search(Request(words="mouse")).total == MANY


class Full:
    """An engine whose disk is full in the middle of a batch, a few times."""

    def __init__(self, engine: TantivyEngine, times: int) -> None:
        self._engine, self.times = engine, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def write(self, entries: Iterable[Json], closed: Iterable[Json], removed: Iterable[int], at: int) -> None:
        self._engine.write(self._half(entries), closed, removed, at)

    def _half(self, entries: Iterable[Json]) -> Iterator[Json]:
        for number, entry in enumerate(entries):
            if number == MANY // 2 and self.times > 0:
                self.times -= 1
                raise OSError(28, "No space left on device")
            yield entry


async def test_a_full_disk_is_told_and_afterwards_every_record_is_there_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PAUSES", (0.2,))
    node.engine = Full(node.engine, times=2)  # type: ignore[arg-type]
    async with running(node):
        await until(lambda: node.unindexed is not None)
        (reason,) = facts_of(node)["reasons"]
        assert "No space left on device" in reason
        await until(lambda: node.engine.revision() == MANY)
        await until(lambda: node.unindexed is None)
    assert facts_of(node)["ready"] is True
    found = Catalogue(node.store, node.engine).search(Request(words="mouse", size=100))
    assert found.total == len({hit.kept.id for hit in found.hits}) == MANY


async def test_an_index_that_is_gone_is_told_not_taken_for_one_that_another_process_holds(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PAUSES", (0.2,))
    async with running(node):
        await until(lambda: node.engine.revision() == MANY)
        for file in (node.store.path.parent / "index").iterdir():
            file.unlink()
        await until(lambda: node.unindexed is not None)
        assert facts_of(node)["ready"] is False
