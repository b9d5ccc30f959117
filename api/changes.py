"""/api/v1/changes: what happened, one revision after the other. /api/v1/diff: what two moments differ by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from api.node import NODE
from api.parameters import known, number
from api.search import shape_moment
from index import compare
from index.changes import since
from index.moments import FORMS, moment
from index.query import BadQuery
from index.store import Store

LARGEST_PAGE = 1_000


async def changes(request: web.Request) -> web.Response:
    """List every change since a revision, in order."""
    node, query = request.app[NODE], request.query
    known(query, ("since", "size", "source"))
    size = number(query, "size", default=100, low=1, high=LARGEST_PAGE)
    body = await node.off_loop(
        _changes, node.store, number(query, "since", default=0), size, query.get("source")
    )
    return _json(body)


def _changes(store: Store, after: int, size: int, source: str | None) -> dict[str, Any]:
    _must_be_known(store, source)
    found = since(store, after, size, source)
    if after > found.revision:
        message = (
            f"since={after}: this revision is not reached, the newest is {found.revision}; if the node was "
            "restored from a backup, begin again with since=0"
        )
        raise BadQuery(message)
    return {
        "since": after,
        "changes": [asdict(change) for change in found.changes],
        "next": found.next,
        "more": found.more,
        "revision": found.revision,
    }


async def diff(request: web.Request) -> web.Response:
    """Compare what the node held at two moments."""
    node, query = request.app[NODE], request.query
    known(query, ("from", "to", "source", "size", "after"))
    size = number(query, "size", default=100, high=LARGEST_PAGE)
    after = number(query, "after", default=0)
    asked = {name: query[name] for name in ("from", "to", "source") if query.get(name)}
    return _json(await node.off_loop(difference, node.store, asked, size, after))


def difference(store: Store, asked: Mapping[str, str], size: int, after: int = 0) -> dict[str, Any]:
    """Compare two moments, as the API and the command line answer it.

    Args:
        store: the store.
        asked: `from`, and if wanted `to` (else now) and `source`.
        size: list at most so many differences; the counts are of all.
        after: list differences of records with a higher number only.

    Raises:
        BadQuery: a moment that cannot be understood or of which nothing is known, or an unknown source.
    """
    if "from" not in asked:
        raise BadQuery(f"from is missing; give {FORMS}")
    early = moment(store, asked["from"], "from")
    late = moment(store, asked.get("to") or str(store.revision()), "to")
    if early.revision > late.revision:
        raise BadQuery(f"from={early.asked} is later than to={late.asked}; exchange them")
    source = asked.get("source")
    _must_be_known(store, source)
    found = compare.compare(store, early.revision, late.revision, after=after, size=size, source=source)
    return {
        "from": shape_moment(early),
        "to": shape_moment(late),
        "total": {kind: sum(count[kind] for count in found.counts.values()) for kind in compare.KINDS},
        "sources": {
            name: {kind: counted[kind] for kind in compare.KINDS}
            for name, counted in sorted(found.counts.items())
        },
        "records": [
            {"id": each.id, "source": each.source, "difference": each.kind, "title": each.title,
             "fields": each.fields}
            for each in found.listed
        ],
        "next": found.next,
    }  # fmt: skip


def _must_be_known(store: Store, source: str | None) -> None:
    if source is not None and source not in store.source_states():
        raise BadQuery(f"source={source!r} was never harvested; there are {', '.join(store.source_states())}")


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
