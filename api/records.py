"""/api/v1/records/{id} and the record's landing page with content negotiation."""

from __future__ import annotations

import orjson
from aiohttp import web

from api import recordpage
from api.accepted import preferred
from api.formats import dcat, schema_org
from api.node import NODE
from api.problem import Problem, not_found
from api.verbatim import without_addresses
from index.history import latest
from index.similar import similar
from index.store import Kept
from index.values import identifiers

OFFERED = ("text/html", "application/json", "application/ld+json", "text/turtle", "application/rdf+xml")


async def record(request: web.Request) -> web.Response:
    """Answer a record as JSON; a withdrawn one says so and keeps its last copy (status 410)."""
    kept = await find(request)
    return _json(kept)


async def raw(request: web.Request) -> web.Response:
    """Answer the upstream's own document, as it came but for e-mail addresses."""
    node = request.app[NODE]
    found = await node.off_loop(node.store.raw, (await find(request)).id)
    if found is None:
        raise not_found("no upstream document is kept for this record")
    body, media_type = found
    return web.Response(body=without_addresses(body), content_type=media_type)


async def landing(request: web.Request) -> web.Response:
    """Answer the record's page, in the form the client prefers."""
    kept = await find(request)
    base = request.app[NODE].base(request)
    match negotiate(request.headers.get("Accept", ""), request.query.get("format")):
        case "application/json":
            return _json(kept)
        case "application/ld+json":
            body = orjson.dumps(schema_org.write(kept.record(), base))
            return _negotiated(body, "application/ld+json", kept)
        case "text/turtle":
            return _negotiated(dcat.write(kept.record(), base, "turtle"), "text/turtle", kept)
        case "application/rdf+xml":
            return _negotiated(dcat.write(kept.record(), base, "xml"), "application/rdf+xml", kept)
        case _:
            node = request.app[NODE]
            told = await node.off_loop(latest, node.store, kept.rid, recordpage.VERSIONS_SHOWN)
            alike = await node.off_loop(similar, node.catalogue, kept, recordpage.SIMILAR_SHOWN)
            return await recordpage.shown(request, kept, told, alike)


def negotiate(accept: str, asked: str | None) -> str:
    """Choose among the forms we offer: `?format=` first, then the Accept header with its weights.

    Raises:
        Problem: nothing that is asked for is offered.
    """
    short = {"html": 0, "json": 1, "jsonld": 2, "turtle": 3, "ttl": 3, "dcat": 3, "rdf": 4}
    if asked is not None:
        if asked not in short:
            raise Problem(406, "Not offered", f"format={asked!r} is unknown; there are {', '.join(short)}")
        return OFFERED[short[asked]]
    chosen = preferred(accept, OFFERED)
    if chosen is None and accept.strip(", "):
        raise Problem(406, "Not offered", f"this page is offered as {', '.join(OFFERED)}")
    return chosen or OFFERED[0]


async def find(request: web.Request) -> Kept:
    """Find the record an address means: its id, or a DOI or accession that one record bears."""
    node, id_ = request.app[NODE], request.match_info["id"]
    kept = await node.off_loop(node.store.get, id_)
    if kept is not None:
        return kept
    found = identifiers.sniff(id_)
    if found is not None:
        rids = await node.off_loop(node.store.by_identifier, found[1], found[0])
        if len(rids) == 1 and (same := await node.off_loop(node.store.get_number, rids[0])):
            raise web.HTTPSeeOther(_renamed(request, id_, same.id))
    raise not_found(f"no record {id_!r}")


def _renamed(request: web.Request, before: str, after: str) -> str:
    """Answer the address asked for with another id in it; what was asked beside it, as `?format=`, stays."""
    return str(request.rel_url.with_path(request.path.replace(before, after)).with_query(request.query))


def _json(kept: Kept) -> web.Response:
    body = {**kept.whole(), "origin": kept.origin, "revision": kept.revision}
    return web.Response(
        status=410 if kept.state == "withdrawn" else 200,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={"Vary": "Accept", "ETag": f'"{kept.revision}"'},
    )


def _negotiated(body: bytes, media_type: str, kept: Kept) -> web.Response:
    headers = {"Vary": "Accept", "X-Headwater-Origin": kept.origin}
    return web.Response(
        status=410 if kept.state == "withdrawn" else 200, body=body, content_type=media_type, headers=headers
    )
