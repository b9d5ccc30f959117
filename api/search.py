"""/api/v1/search."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web
from multidict import MultiMapping

from api.counted import shape_histogram, shape_value, too_slow
from api.helping import besides
from api.language import shape_reading
from api.node import NODE, Node
from api.parameters import choice, number
from index.choices import CHOICES
from index.engines import COLLAPSES, SORTS, TOMBSTONES, Collapse
from index.entry import FACETS
from index.loosen import MATCHES
from index.moments import Moment
from index.query import BadQuery, facets
from index.search import EVERYDAY, FACET_MODES, LARGEST_PAGE, Answer, Hit, Request, histograms

PARAMETERS = (
    "q", "sort", "size", "cursor", "facets", "facet_size", "withdrawn", "as_of", "match", "expand",
    "collapse", "facet_mode", "histograms",
)  # fmt: skip
LARGEST_FACET = 100
YES_OR_NO = ("yes", "no")


async def search(request: web.Request) -> web.Response:
    """Search every repository at once."""
    node = request.app[NODE]
    began = time.perf_counter()
    asked = question(request.query)
    body = await node.off_loop(_answer, node, asked, began)
    return web.Response(body=body, content_type="application/json")


def _answer(node: Node, asked: Request, began: float) -> bytes:
    answer = node.catalogue.search(asked)
    shown = shape(node, answer) | besides(node, asked, answer)
    shown["took_ms"] = round((time.perf_counter() - began) * 1000, 1)
    return orjson.dumps(shown)


def question(query: MultiMapping[str], collapse: Collapse = EVERYDAY) -> Request:
    """Read the parameters of a search.

    Args:
        query: the parameters.
        collapse: what is one hit where nobody says.

    Raises:
        BadQuery: a parameter there is not, or a value it cannot have.
    """
    asked: dict[str, list[str]] = {}
    for name, value in query.items():
        if name in PARAMETERS:
            continue
        if name.removeprefix("-") not in CHOICES:
            known = ", ".join((*PARAMETERS, *CHOICES))
            raise BadQuery(f"no parameter named {name!r}; there are {known}, and -name to exclude")
        asked.setdefault(name, []).append(value)
    wanted = query.getall("facets", [])
    return Request(
        words=query.get("q", ""),
        filters=asked,
        facets=FACETS if "all" in wanted else facets(wanted),
        sort=choice(query, "sort", SORTS),
        size=number(query, "size", default=20, low=0, high=LARGEST_PAGE),
        cursor=query.get("cursor"),
        facet_size=number(query, "facet_size", default=10, low=1, high=LARGEST_FACET),
        withdrawn=choice(query, "withdrawn", TOMBSTONES) or "exclude",
        as_of=query.get("as_of") or None,
        match=choice(query, "match", MATCHES) or "all",
        expand=choice(query, "expand", YES_OR_NO) != "no",
        collapse=choice(query, "collapse", COLLAPSES) or collapse,
        facet_mode=choice(query, "facet_mode", FACET_MODES) or "disjunctive",
        histograms=histograms(query.getall("histograms", [])),
    )


def shape(node: Node, answer: Answer) -> dict[str, Any]:
    """Shape an answer as /api/v1/search gives it."""
    return {
        "total": answer.total,
        "hits": [shape_hit(hit) for hit in answer.hits],
        "facets": {
            name: {
                "values": [shape_value(value) for value in facet.values],
                "missing": facet.missing,
                "other": facet.other,
            }
            for name, facet in answer.facets.items()
        },
        "histograms": {name: shape_histogram(name, bars) for name, bars in answer.histograms.items()},
        "partial": bool(answer.uncounted or answer.searched),
        "searched": asdict(answer.searched) if answer.searched else None,
        "next": answer.next,
        "expanded": [
            {"word": each.word, "as": each.as_, "because": each.because} for each in answer.expanded
        ],
        "took_ms": 0.0,
        "snapshot": answer.snapshot,
        "as_of": shape_moment(answer.as_of),
        "query": shape_reading(answer),
        "sources": node.freshness(),
        "warnings": [
            *node.warnings(),
            *map(str, answer.notes),
            *too_slow(node.search_seconds, answer),
        ],
    }


def shape_moment(moment: Moment | None) -> dict[str, Any] | None:
    """Shape a point in the past: what was asked, the revision that stood then, and when it was reached."""
    if moment is None:
        return None
    return {"asked": moment.asked, "revision": moment.revision, "at": moment.at}


def shape_hit(hit: Hit) -> dict[str, Any]:
    """Shape a hit: the record, why it was found, and where it came from."""
    return {
        **hit.kept.whole(),
        "score": hit.score,
        "snippets": snippets(hit),
        "origin": hit.kept.origin,
        "revision": hit.kept.revision,
        "to_revision": hit.kept.to_revision,
        "members": hit.members,
    }


def snippets(hit: Hit) -> Mapping[str, str]:
    """Answer the telling parts, by field, HTML-escaped with <mark>."""
    found = {"title": hit.title, "description": hit.snippet}
    return {name: text for name, text in found.items() if text is not None}
