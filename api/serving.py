"""A serving node in this process: store, index, server, and a task that keeps the index up to date."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from api.acting import Errands
from api.admin import Admin
from api.app import create_app
from api.clients import Clients
from api.herald import Herald
from api.indexing import SYNC_EVERY, Indexing
from api.node import Limits, Node
from api.status import Trouble
from api.thumbnails import Thumbnails, Way
from config.process import settle
from config.settings import Settings
from index.engines.tantivy import TantivyEngine
from index.store import Store
from index.tables import StoreTooNew

SWITCH = 0.001
"""Seconds a thread may keep the interpreter while others wait; the default, 5 ms, outlasts most searches."""


@dataclass(slots=True)
class Served:
    """A node that is serving."""

    node: Node
    store: Store
    engine: TantivyEngine
    address: str

    async def caught_up(self) -> None:
        """Wait until all that was harvested is searchable."""
        goal = self.store.revision()
        while self.engine.revision() < goal:  # noqa: ASYNC110  # another process may be the one that indexes
            await asyncio.sleep(SYNC_EVERY / 2)


@asynccontextmanager
async def serving(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Served]:
    """Serve a node while the block runs.

    Raises:
        Trouble: the port is taken, or the store was written by a newer Headwater.
    """
    try:
        store = Store(settings.store_path)
    except StoreTooNew as error:
        raise Trouble(str(error)) from error
    engine = TantivyEngine(settings.index_path, shards=settings.index_shards)
    limits = Limits(settings.ready_behind, settings.ready_behind_seconds, settings.ready_free_mb * 1_000_000)
    node = Node(
        store,
        engine,
        settings.public_url,
        settings.search_threads,
        settings.search_queue,
        limits,
        exports=settings.exports_at_once,
        search_seconds=settings.search_seconds,
        thumbnails=_thumbnails(settings),
        admin=_admin(settings, store),
        clients=Clients(settings.requests_a_minute, settings.trusted_proxies),
    )
    runner = web.AppRunner(create_app(node), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    settle()
    sys.setswitchinterval(SWITCH)
    indexing = Indexing(node)
    tasks = [asyncio.create_task(indexing.run())]
    try:
        address = await _listen(runner, settings)
        if settings.subscriptions:
            node.herald = Herald(
                store, engine, settings.public_url or address, settings.subscription_networks
            )
            tasks.append(asyncio.create_task(node.herald.keep_telling()))
        say(f"serving {address}  (data in {settings.data})")
        yield Served(node, store, engine, address)
    finally:
        indexing.stop()
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()
        await asyncio.to_thread(engine.close)
        store.close()


def _thumbnails(settings: Settings) -> Thumbnails | None:
    if not settings.thumbnails_mb:
        return None
    way = Way(settings.user_agent, settings.offline, settings.private_networks)
    return Thumbnails(settings.thumbnails_path, settings.thumbnails_mb * 1_000_000, way)


def _admin(settings: Settings, store: Store) -> Admin | None:
    if not settings.is_operated:
        return None
    return Admin(settings.operating_token, Errands(store, settings.data, settings.offline))


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {settings.port} is taken; choose another with --port, or 0 for a free one"
            raise Trouble(message) from error
        message = f"cannot serve on {settings.host}:{settings.port} ({error.strerror})"
        raise Trouble(message) from error
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def what_to_try(served: Served) -> str:
    """Say what to open and try."""
    counts = served.store.counts()
    total = sum(entry.get("current", 0) for entry in counts.values())
    replicas = [name for name, state in served.node.states().items() if state.origin == "replica"]
    lines = [
        "",
        f"{total:,} records of {len(counts)} repositories are searchable.",
        f"  open   {served.address}/",
        f"  try    {served.address}/?q=light+sheet",
        f"         {served.address}/sources",
        f"         curl '{served.address}/api/v1/search?q=mitosis&facets=source,organism'",
        "         headwater search zebrafish",
    ]
    if replicas:
        lines.append(
            f"  note   origin: replica - {', '.join(replicas)} were not read from the upstream itself"
        )
    return "\n".join([*lines, "Ctrl-C ends it; start again and it goes on."])
