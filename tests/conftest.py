"""Which fixture to reach for.

`store` is an empty store in a temporary folder. `bench` harvests: it starts a source's replica, points the
real client at it and runs the real runner; ask it for `harvest(...)`, then look at `store` or at
`bench.replica`. Values, readings and queries need no fixture at all: call the function.

Nothing here speaks to a live upstream; HEADWATER_OFFLINE is set for every test.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from harvester import registry
from harvester.http import Http, Manners
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Replica
from harvester.run import Kind, Order, Report, Watch, harvest
from harvester.source import Scope
from index.store import Store

IMPATIENT = Manners(attempts=3, first_backoff=0.01, longest_wait=2.0, connect=2, read=1.0, total=20)
"""A client that waits hundredths of seconds where the real one waits seconds."""

SHARED = Path(__file__).parents[2] / "shared" / "real"
"""Recorded upstream answers; not part of the project. Tests that read them say so when they are absent."""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_OFFLINE", "1")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Put logging back: commands that a test calls set it up, on streams that close with the test."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.sqlite") as opened:
        yield opened


class Bench:
    """A replica, the real client and the real runner."""

    def __init__(self, store: Store, replica: Replica, http: Http) -> None:
        self.store, self.replica, self.http = store, replica, http

    async def harvest(
        self,
        *,
        kind: Kind = "full",
        scope: Scope = "everything",
        newest: int | None = None,
        watch: Watch = lambda _: None,
        options: Mapping[str, str] | None = None,
    ) -> Report:
        source = registry.source(self.replica.protocol.NAME)
        order = Order(source, scope, kind, self.replica.base, newest, options or {})
        return await harvest(self.store, self.http, order, watch)

    def content(self) -> dict[str, bytes]:
        """What the store holds: current records by id, without facts about our reading."""
        ids = [row for source in self.store.counts() for row in self.store.ids(source)]
        return {id_: kept.json for id_ in ids if (kept := self.store.get(id_))}


BenchOf = Callable[[str], "AsyncIterator[Bench]"]


@asynccontextmanager
async def bench_of(name: str, folder: Path, stock: Stock | None = None) -> AsyncIterator[Bench]:
    replica = Replica(REPLICAS[name], (stock or Stock()).of(name))
    with Store(folder / f"{name}.sqlite") as store:
        async with (
            replica,
            Http(
                user_agent="Headwater/test (+mailto:test@example.org)", offline=True, manners=IMPATIENT
            ) as http,
        ):
            yield Bench(store, replica, http)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("no shared material")
    return SHARED
