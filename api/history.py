"""/api/v1/records/{id}/history: every version of a record, and what changed from one to the next."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from api.node import NODE
from api.parameters import known, number
from api.records import find
from index.history import History, history
from index.store import Kept

LARGEST_PAGE = 500


async def versions(request: web.Request) -> web.Response:
    """Answer the versions of a record, the oldest first; a withdrawn record has a history as well."""
    node, query = request.app[NODE], request.query
    known(query, ("since", "size"))
    after, size = (
        number(query, "since", default=0),
        number(query, "size", default=100, low=1, high=LARGEST_PAGE),
    )
    kept = await find(request)
    told = await node.off_loop(history, node.store, kept.rid, after, size)
    return web.Response(body=orjson.dumps(shape(kept, told)), content_type="application/json")


def shape(kept: Kept, told: History) -> dict[str, Any]:
    """Shape a history as the API gives it."""
    return {
        "id": kept.id,
        "state": kept.state,
        "total": told.total,
        "versions": [
            {
                "revision": version.from_revision,
                "to_revision": version.to_revision,
                "at": version.at,
                "until": version.until,
                "event": version.event,
                "origin": kept.origin,  # of a source's records there is one origin at a time
                "diff": [edit.shown() for edit in version.edits],
            }
            for version in told.versions
        ],
        "next": told.next,
    }
