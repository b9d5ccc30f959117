"""/api/v1/facets/{name}: a facet to its end."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from multidict import MultiDict

from api.counted import shape_value
from api.node import NODE, Node
from api.parameters import number
from api.search import question, shape_moment
from index.listing import Wanted
from index.query import BadQuery
from index.search import FacetPage, Request

OWN = ("facet_prefix", "facet_parent", "cursor", "size")
"""Parameters that say which values; all others are those of a search."""

USELESS = ("sort", "facets", "facet_size", "histograms")
"""Parameters of a search that change nothing here; refused, so that nobody believes they do."""

LARGEST_LIST = 1_000


async def facet(request: web.Request) -> web.Response:
    """List the values of a facet among what a search finds, most frequent first, page by page to the end."""
    node = request.app[NODE]
    query = request.query
    for name in USELESS:
        if name in query:
            raise BadQuery(f"{name} does not belong here; there are {', '.join(OWN)} and those of a search")
    wanted = Wanted(
        request.match_info["name"],
        query.get("facet_prefix", ""),
        query.get("facet_parent"),
        number(query, "size", default=50, low=1, high=LARGEST_LIST),
        query.get("cursor"),
    )
    asked = question(MultiDict((name, value) for name, value in query.items() if name not in OWN))
    body = await node.off_loop(_answer, node, asked, wanted)
    return web.Response(body=body, content_type="application/json")


def _answer(node: Node, asked: Request, wanted: Wanted) -> bytes:
    return orjson.dumps(shape_page(wanted.field, node.catalogue.facet(asked, wanted)))


def shape_page(name: str, page: FacetPage) -> dict[str, Any]:
    """Shape some values of a facet."""
    return {
        "facet": name,
        "values": [shape_value(value) for value in page.values],
        "missing": page.missing,
        "next": page.next,
        "snapshot": page.snapshot,
        "as_of": shape_moment(page.as_of),
    }
