"""/healthz says the process lives; /readyz says whether it can answer, and tells the truth."""

from __future__ import annotations

import orjson
from aiohttp import web

from api.node import NODE, Node

BEHIND_ALLOWED = 50_000
"""Revisions the index may be behind the store; beyond, answers would miss much of what was harvested."""


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Say whether store and index answer, and how far the index is behind."""
    node = request.app[NODE]
    checks = await node.off_loop(_checks, node)
    ready = bool(checks["ready"])
    return web.Response(
        status=200 if ready else 503, body=orjson.dumps(checks), content_type="application/json"
    )


def _checks(node: Node) -> dict[str, object]:
    revision, indexed = node.store.revision(), node.engine.revision()
    behind = revision - indexed
    return {
        "ready": behind <= BEHIND_ALLOWED,
        "revision": revision,
        "indexed": indexed,
        "behind": behind,
        "sources": len(node.states()),
    }
