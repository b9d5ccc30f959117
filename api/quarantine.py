"""/api/v1/quarantine: the documents that could not be read, why, and what they say."""

from __future__ import annotations

import re
from typing import Any

import orjson
from aiohttp import web

from api.node import NODE
from api.problem import Problem
from api.verbatim import without_addresses
from index import quarantine
from index.query import BadQuery
from index.store import Store

LARGEST_PAGE = 200
PARAMETERS = ("source", "reason", "size", "after")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


async def listed(request: web.Request) -> web.Response:
    """List documents set aside, with their reasons counted."""
    node, query = request.app[NODE], request.query
    for name in query:
        if name not in PARAMETERS:
            raise BadQuery(f"no parameter named {name!r}; there are {', '.join(PARAMETERS)}")
    wanted = quarantine.Wanted(query.get("source"), query.get("reason"))
    size = _number(query.get("size", "50"), "size", 1, LARGEST_PAGE)
    after = _number(query.get("after", "0"), "after", 0, 1 << 62)
    return _json(_public(await node.off_loop(gather, node.store, wanted, size, after)))


async def shown(request: web.Request) -> web.Response:
    """Answer one document set aside, with its text as it came but for e-mail addresses."""
    node, did = request.app[NODE], request.match_info["did"]
    found = None
    if did.isascii() and did.isdigit() and int(did) < 1 << 63:
        found = await node.off_loop(quarantine.find, node.store, int(did))
    if found is None:
        raise Problem(
            404, "Not found", f"no document {did!r} is in quarantine; /api/v1/quarantine lists those that are"
        )
    return _json(_public(readable(found)))


def gather(store: Store, wanted: quarantine.Wanted, size: int, after: int) -> dict[str, Any]:
    """Gather what the API and the command list."""
    found = quarantine.listing(store, wanted, size=size, after=after)
    return {
        "total": found.total,
        "reasons": found.reasons,
        "documents": found.documents,
        "next": found.next,
    }


def readable(found: dict[str, Any]) -> dict[str, Any]:
    """Put the text in the place of its bytes; what is no UTF-8 shows as the replacement character."""
    raw: bytes | None = found["raw"]
    return {**found, "raw": None if raw is None else raw.decode("utf-8", "replace")}


def harmless(text: str) -> str:
    """Take out of an upstream's text what a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _public(found: object) -> object:
    """Take out e-mail addresses, wherever they stand: a reason may quote the document."""
    cleaned: object = orjson.loads(without_addresses(orjson.dumps(found)))
    return cleaned


def _number(text: str, name: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise BadQuery(f"{name}={text!r} must be a number from {low} to {high}")
    return int(text)


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
