"""Those who count an upstream's holdings beside it: DataCite's REST API and EBI Search.

Every replica answers for them, since a replica stands for all hosts of its source's card.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


def routes(count: Callable[[], int]) -> list[web.RouteDef]:
    """Answer the counters' paths with the number a complete harvest must give."""

    async def datacite(_request: web.Request) -> web.Response:
        return web.json_response({"data": [], "meta": {"total": count(), "totalPages": count(), "page": 1}})

    async def ebi_search(_request: web.Request) -> web.Response:
        return web.json_response({"hitCount": count(), "entries": [], "facets": []})

    return [
        web.get("/dois", datacite),
        web.get("/ebisearch/ws/rest/{domain}", ebi_search),
    ]
