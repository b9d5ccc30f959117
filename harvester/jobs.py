"""What the commands of the harvester do: harvest, read again, probe and rehearse, for several sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from sqlalchemy.exc import SQLAlchemyError

from config.process import settle
from config.settings import Settings
from harvester import registry
from harvester.http import Http
from harvester.probe import probe
from harvester.proof import prove
from harvester.reader import read_batch
from harvester.rehearse import Stock, replicas
from harvester.replicas.server import FAULTS, PROTOCOL_FAULTS, Fault, Replica
from harvester.run import Kind, Order, Report, Watch, harvest, reread
from harvester.source import Scope, Source
from index import ledger, quarantine
from index.batch import Outcome, Unread
from index.engines.tantivy import EngineBusy, TantivyEngine
from index.store import Store
from index.sync import sync

SYNC_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be harvested."""

    names: Sequence[str]
    scope: str | None = None
    full: bool = False
    newest: int | None = None
    replica: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


async def harvest_all(
    settings: Settings, wanted: Wanted, watch: Watch, note: Callable[[str, str], None]
) -> list[Report]:
    """Harvest sources one after the other while the index is kept up to date; offline from replicas."""
    settle()
    with Store(settings.store_path) as store:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(Http.of(settings))
            bases = await _bases(stack, settings, wanted)
            await stack.enter_async_context(_indexing(store, settings, note))
            reports = []
            for name in wanted.names:
                order = order_of(store, settings, wanted, name, bases.get(name))
                try:
                    report = await harvest(store, http, order, watch)
                    reports.append(report)
                    await prove(store, http, order, report)
                except ledger.Busy as busy:
                    note(name, str(busy))
            return reports


@dataclass(slots=True)
class Reread:
    """What came of reading sources again."""

    reports: list[Report] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    """Sources left as they are, since another process harvests them."""


def reread_all(
    settings: Settings, names: Sequence[str], watch: Watch, note: Callable[[str, str], None]
) -> Reread:
    """Read the stored documents of sources again; one that is being harvested is told and left out."""
    found = Reread()
    with Store(settings.store_path) as store:
        held = store.source_states()
        for name in names:
            if name in held:
                try:
                    found.reports.append(reread(store, registry.source(name), watch))
                except ledger.Busy as busy:
                    note(name, str(busy))
                    found.busy.append(name)
    return found


def retry_all(
    settings: Settings, wanted: quarantine.Wanted, watch: Watch, note: Callable[[str, str], None]
) -> list[Report]:
    """Read documents in quarantine again; each source that has such is told by a report."""
    reports = []
    with Store(settings.store_path) as store:
        held = {row["source"] for row in quarantine.listing(store, wanted, size=1).reasons}
        for name in sorted(held & {source.card.name for source in registry.SOURCES}):
            documents = quarantine.documents(store, replace(wanted, source=name), 500)
            try:
                reports.append(reread(store, registry.source(name), watch, documents))
            except ledger.Busy as busy:
                note(name, str(busy))
    return reports


def read_again(settings: Settings, name: str, batch: Sequence[Unread]) -> Sequence[Outcome]:
    """Read documents of a source with today's mapping, in the scope it is harvested in; store nothing."""
    if name not in {source.card.name for source in registry.SOURCES}:
        return ()  # harvested by another Headwater, which knew it
    with Store(settings.store_path) as store:
        scope = store.source_states()[name].scope
    return read_batch(registry.source(name), scope, batch).outcomes


def cancel(settings: Settings, names: Sequence[str]) -> dict[str, int]:
    """Ask the runs under way to stop, in whatever process they are; answer their numbers by source."""
    with Store(settings.store_path) as store:
        return {name: run_id for name in names if (run_id := ledger.cancel(store, name)) is not None}


async def probe_all(settings: Settings, wanted: Wanted) -> list[tuple[str, dict[str, Any]]]:
    """Ask upstreams, or offline their replicas, whether our assumptions still hold."""
    found = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(Http.of(settings))
        bases = await _bases(stack, settings, wanted, Stock(limits=True))
        for name in wanted.names:
            source = registry.source(name)
            for finding in await probe(source, http, bases.get(name)):
                shown = {
                    "what": finding.what, "url": finding.url, "differences": list(finding.differences),
                    "origin": "replica" if name in bases else "live",
                }  # fmt: skip
                found.append((name, shown))
    return found


def check_scope(scope: str | None) -> None:
    """Refuse a scope there is not.

    Raises:
        ValueError: there is none of that name.
    """
    if scope is not None and scope not in get_args(Scope):
        message = f"no scope named {scope!r}; there are {', '.join(get_args(Scope))}"
        raise ValueError(message)


def stock(folder: Path | None, generate: int | None, seed: int, limits: bool) -> Stock:
    """Say what replicas shall hold."""
    return Stock(folder, generate, seed, limits)


@asynccontextmanager
async def rehearsal(
    names: Sequence[str], holding: Stock, first_port: int, faults: Sequence[str]
) -> AsyncIterator[dict[str, Replica]]:
    """Run replicas with faults switched on."""
    async with replicas(names, holding, first_port) as running:
        for replica in running.values():
            replica.faults.extend(fault_of(text) for text in faults)
        yield running


def fault_of(text: str) -> Fault:
    """Read a fault such as "503", "503@2" or "503@2x3".

    Raises:
        ValueError: a kind there is not.
    """
    kind, _, rest = text.partition("@")
    at, _, times = rest.partition("x")
    if kind not in FAULTS and kind not in PROTOCOL_FAULTS:
        message = f"no fault named {kind!r}; there are {', '.join([*FAULTS, *sorted(PROTOCOL_FAULTS)])}"
        raise ValueError(message)
    return Fault(kind, at=int(at or 1), times=int(times or 1))


async def _bases(
    stack: AsyncExitStack, settings: Settings, wanted: Wanted, holding: Stock | None = None
) -> dict[str, str]:
    """Answer the replica each source is asked at, if any."""
    if wanted.replica is not None:
        return dict.fromkeys(wanted.names, wanted.replica.rstrip("/"))
    if not settings.offline:
        return {}
    running = await stack.enter_async_context(replicas(wanted.names, holding))
    return {name: replica.base for name, replica in running.items()}


def order_of(store: Store, settings: Settings, wanted: Wanted, name: str, base: str | None) -> Order:
    """Say what to harvest of a source, and how."""
    source = registry.source(name)
    own = settings.source(name)
    scope = _scope(source, wanted.scope or own.scope)
    return Order(
        source,
        scope,
        _kind(store, source, scope, wanted, own.sweep_days, "live" if base is None else "replica"),
        base,
        wanted.newest,
        {**own.options, **wanted.options},
        settings.schedule(name),
    )


def _scope(source: Source, asked: str | None) -> Scope:
    for scope in source.card.scopes:
        if scope == asked:
            return scope
    return source.card.scopes[0]  # a source that is imaging altogether has one scope only


def _kind(store: Store, source: Source, scope: str, wanted: Wanted, sweep_days: int, origin: str) -> Kind:
    """Choose what changed when we know since when and the upstream can tell; everything else.

    Everything, too, when the last sweep is long ago: what vanished, and what was dated back, no date tells.
    """
    if wanted.newest is not None:
        return "sample"
    state = store.source_states().get(source.card.name)
    if state is None or state.since is None or state.complete_at is None:
        return "full"
    if (state.scope, state.origin) != (scope, origin):
        return "full"
    swept = datetime.now(UTC) - datetime.fromisoformat(state.complete_at)
    tells = not source.card.incremental.startswith("no")
    return "changes" if tells and swept < timedelta(days=sweep_days) and not wanted.full else "full"


@asynccontextmanager
async def _indexing(
    store: Store, settings: Settings, note: Callable[[str, str], None]
) -> AsyncIterator[None]:
    """Keep the index up to date while a harvest runs, and bring it to the end afterwards."""
    engine = TantivyEngine(settings.index_path, shards=settings.index_shards)
    busy = False

    async def keep_up() -> None:
        nonlocal busy
        while True:
            await asyncio.sleep(SYNC_EVERY)
            try:
                if engine.revision() < store.revision():
                    await asyncio.to_thread(sync, store, engine)
            except EngineBusy:
                busy = True  # a serving process keeps it up to date
                return
            except (SQLAlchemyError, OSError, ValueError) as error:  # ValueErrors are Tantivy's
                note("index", f"cannot be written ({error}); it is tried once more at the end")
                return

    task = asyncio.create_task(keep_up())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if busy:
            note("index", "another process keeps the index up to date")
        else:
            await asyncio.to_thread(_finish, store, engine)


def _finish(store: Store, engine: TantivyEngine) -> None:
    try:
        sync(store, engine)
    except EngineBusy:
        return  # the process that holds the lock does it
    engine.close()
