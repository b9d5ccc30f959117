"""/feeds/withdrawn.atom and .json: what repositories took back, the latest first.

Atom as RFC 4287 has it, in pages as RFC 5005 has them; JSON Feed 1.1. A record that came back leaves the
feed; /api/v1/changes tells that too.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import web
from lxml import etree

from api.node import NODE
from api.parameters import known, number
from config import VERSION
from index.changes import Tombstone, withdrawals
from index.prepared import digest_of
from index.values.addresses import linked

ATOM = "http://www.w3.org/2005/Atom"
ATOM_TYPE, JSON_TYPE = "application/atom+xml", "application/feed+json"
TITLE = "Withdrawn research data"
SIZE, LARGEST_PAGE = 50, 200
NOT_KNOWN = "1970-01-01T00:00:00Z"
"""A feed must say when it changed; of an empty one, or where nobody noted it, this says nothing."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


async def withdrawn_atom(request: web.Request) -> web.Response:
    """Answer the withdrawals as an Atom feed."""
    found, following = await _found(request)
    return answer(request, _atom(base_of(request), request.path_qs, following, found), ATOM_TYPE)


async def withdrawn_json(request: web.Request) -> web.Response:
    """Answer the withdrawals as a JSON Feed."""
    found, following = await _found(request)
    base = base_of(request)
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": TITLE,
        "home_page_url": f"{base}/?withdrawn=only",
        "feed_url": base + request.path_qs,
        **({"next_url": base + following} if following else {}),
        "items": [_item(base, tombstone) for tombstone in found],
    }
    return answer(request, orjson.dumps(feed), JSON_TYPE)


async def _found(request: web.Request) -> tuple[list[Tombstone], str | None]:
    """Answer the page asked for, and the address of the next older one."""
    node, query = request.app[NODE], request.query
    known(query, ("since", "before", "size"))
    size = number(query, "size", default=SIZE, low=1, high=LARGEST_PAGE)
    before = number(query, "before", default=0, low=1) if "before" in query else None
    after = number(query, "since", default=0)
    found = await node.off_loop(withdrawals, node.store, after, before, size + 1)
    if len(found) <= size:
        return found, None
    older = {**query, "before": str(found[size - 1].revision)}
    return found[:size], f"{request.path}?{urlencode(older)}"


def _atom(base: str, address: str, following: str | None, found: list[Tombstone]) -> bytes:
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    add(feed, "id", f"{base}/feeds/withdrawn.atom")
    add(feed, "title", TITLE)
    add(feed, "updated", max((each.at or NOT_KNOWN for each in found), default=NOT_KNOWN))
    add(add(feed, "author"), "name", "Headwater")
    add(feed, "generator", "Headwater", version=VERSION)
    add(feed, "link", rel="self", type=ATOM_TYPE, href=base + address)
    add(feed, "link", rel="alternate", type="text/html", href=f"{base}/?withdrawn=only")
    if following:
        add(feed, "link", rel="next", type=ATOM_TYPE, href=base + following)
    for tombstone in found:
        _entry(add(feed, "entry"), base, tombstone)
    return etree.tostring(feed, xml_declaration=True, encoding="utf-8")


def _entry(entry: etree._Element, base: str, tombstone: Tombstone) -> None:
    record, page = tombstone.record, _page(base, tombstone)
    add(entry, "id", f"{page}#withdrawn-{tombstone.revision}")
    add(entry, "title", _title(tombstone))
    add(entry, "updated", tombstone.at or NOT_KNOWN)
    add(entry, "link", rel="alternate", type="text/html", href=page)
    upstream = _upstream(tombstone)
    if upstream:
        add(entry, "link", rel="related", href=upstream, title=f"Its page at {record['source']}")
    add(entry, "category", term=record["source"])
    add(entry, "summary", _summary(tombstone))


def _item(base: str, tombstone: Tombstone) -> dict[str, Any]:
    record, page, upstream = tombstone.record, _page(base, tombstone), _upstream(tombstone)
    at = {"date_published": tombstone.at} if tombstone.at else {}
    return {
        "id": f"{page}#withdrawn-{tombstone.revision}",
        "url": page,
        **({"external_url": upstream} if upstream else {}),
        "title": _title(tombstone),
        "content_text": _summary(tombstone),
        **at,
        "tags": [record["source"]],
        "_headwater": {
            "id": record["id"], "source": record["source"], "revision": tombstone.revision,
            "withdrawn": record["withdrawn"],
        },
    }  # fmt: skip


def _page(base: str, tombstone: Tombstone) -> str:
    return f"{base}/records/{quote(tombstone.record['id'], safe=':/')}"


def _title(tombstone: Tombstone) -> str:
    return str(tombstone.record.get("title") or tombstone.record["id"])


def _summary(tombstone: Tombstone) -> str:
    withdrawn = tombstone.record["withdrawn"]
    when = f" on {withdrawn['date']}" if withdrawn.get("date") else ""
    return f"Withdrawn by {tombstone.record['source']}{when}: {withdrawn['reason']}"


def _upstream(tombstone: Tombstone) -> str | None:
    """Answer the upstream's own tombstone page; where it names none, the page the data set had."""
    links = tombstone.record.get("links") or {}
    return linked(tombstone.record["withdrawn"].get("url")) or linked(links.get("landing"))


def add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    """Add an element of Atom, without the characters XML cannot hold."""
    clean = {key: _NOT_XML.sub("", value) for key, value in attributes.items()}
    element = etree.SubElement(parent, f"{{{ATOM}}}{name}", clean)
    element.text = _NOT_XML.sub("", text) if text is not None else None
    return element


def base_of(request: web.Request) -> str:
    return request.app[NODE].base(request)


def answer(request: web.Request, body: bytes, kind: str) -> web.Response:
    """Answer a feed; readers ask often, and need not be told twice."""
    mark = digest_of(body).hex()
    if any(tag.value == mark for tag in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = web.Response(body=body, content_type=kind, charset="utf-8")
    response.etag = mark
    return response
