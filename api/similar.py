"""/api/v1/records/{id}/similar: the records that share most with one, and what they share."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from api.node import NODE
from api.parameters import known, number
from api.records import find
from index.similar import Similar, similar

LARGEST_PAGE = 50


async def alike(request: web.Request) -> web.Response:
    """List the records most like one."""
    node = request.app[NODE]
    known(request.query, ("size",))
    kept = await find(request)
    size = number(request.query, "size", default=10, low=1, high=LARGEST_PAGE)
    found = await node.off_loop(similar, node.catalogue, kept, size)
    body = {"id": kept.id, "similar": [shape(one) for one in found]}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def shape(one: Similar) -> dict[str, Any]:
    """Shape a similar record: itself, how much it shares, and what."""
    return {
        **one.kept.whole(),
        "score": round(one.score, 4),
        "shared": [
            {"field": each.field, "value": each.value, "records": each.records} for each in one.shared
        ],
        "origin": one.kept.origin,
        "revision": one.kept.revision,
    }
