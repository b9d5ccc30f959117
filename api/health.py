"""/healthz says the process lives; /readyz says whether it can answer, and tells the truth."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from api.node import NODE, Node
from index.engines import SnapshotGone
from index.figures import waiting_since

Facts = dict[str, Any]

UNREADABLE = (SQLAlchemyError, OSError, ValueError, SnapshotGone)
"""What store and engine raise whose files are gone or damaged."""


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Say whether store and index answer, how far the index is behind, and whether there is room to write.

    Not in the threads that search, so that a busy node says that it is busy rather than nothing.
    """
    facts = await asyncio.to_thread(facts_of, request.app[NODE])
    return web.Response(
        status=200 if facts["ready"] else 503, body=orjson.dumps(facts), content_type="application/json"
    )


def facts_of(node: Node) -> Facts:
    """Look at the node; `reasons` says what is wrong, and what to do."""
    facts: Facts = {"ready": True, "reasons": []}
    for look in (_store, _index, _room):
        facts["reasons"] += _looked(look, node, facts)
    facts["ready"] = not facts["reasons"]
    return facts


def _looked(look: Callable[[Node, Facts], Iterator[str]], node: Node, facts: Facts) -> list[str]:
    try:
        return list(look(node, facts))
    except UNREADABLE as error:
        what = look.__name__.strip("_")
        return [f"the {what} cannot be read ({error}); `headwater check` says more"]


def _store(node: Node, facts: Facts) -> Iterator[str]:
    if not node.store.path.exists():
        yield f"the store's file {node.store.path.name} is gone; restore a backup and start again"
    facts["revision"] = node.store.revision()
    facts["sources"] = len(node.store.source_states())


def _index(node: Node, facts: Facts) -> Iterator[str]:
    indexed = node.engine.revision()
    facts["indexed"] = indexed
    if "revision" not in facts:
        return
    if node.unindexed:
        yield f"the index cannot be brought up to date ({node.unindexed}); it is tried again"
    behind = max(0, facts["revision"] - indexed)
    since = waiting_since(node.store, indexed) if behind else None
    waited = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds() if since else 0.0
    facts["behind"], facts["behind_seconds"] = behind, max(0.0, waited)
    allowed = node.limits
    if behind > allowed.behind:
        yield f"the index is {behind:,} revisions behind, {allowed.behind:,} are allowed; it is catching up"
    if waited > allowed.behind_seconds:
        yield (
            f"a change waits {waited:,.0f} s to be searchable, {allowed.behind_seconds:,.0f} s are allowed; "
            "look whether a process that holds the index hangs"
        )


def _room(node: Node, facts: Facts) -> Iterator[str]:
    free = shutil.disk_usage(node.store.path.parent).free
    facts["free_bytes"] = free
    if free < node.limits.free_bytes:
        yield (
            f"{free / 1e6:,.0f} MB are free under the data folder, {node.limits.free_bytes / 1e6:,.0f} MB "
            "must be; make room"
        )
