"""Pages about repositories: all of them at a glance, and everything known of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from api.aging import SHOWN, aged, drawn
from api.node import NODE, Node
from api.rendering import HAS_TITLES, page, thousands
from api.sources import named, overview, shape_run
from index import quarantine
from index.entry import HAS
from index.incidents import incidents
from index.losses import table
from index.past import FAILED, HARVESTS, completed
from index.search import Request

RUNS_LOOKED_AT = 400
RUNS_DRAWN = 60
RUNS_SHOWN = 20
REASONS_SHOWN = 8
STATES = {"complete": 24, "running": 16, "canceled": 12}
"""Heights of bars, so that nobody must tell colors apart; a failure is the lowest."""


async def listed(request: web.Request) -> web.Response:
    """Show what we hold of each repository."""
    node = request.app[NODE]
    return page(request, "sources.html", sources=await node.off_loop(overview, node))


async def shown(request: web.Request) -> web.Response:
    """Show one repository: what it is, how complete and fresh, what its records say, what went wrong.

    Raises:
        Problem: 404 for a source that was never harvested.
    """
    node, name = request.app[NODE], named(request)
    return page(request, "source.html", **await node.off_loop(_gathered, node, name))


def _gathered(node: Node, name: str) -> dict[str, Any]:
    runs = node.store.runs(name, RUNS_LOOKED_AT)
    aside = quarantine.listing(node.store, quarantine.Wanted(name, None), size=1, after=0)
    fates = [row.fate.becomes for row in table(node.store, name)]
    now = datetime.now(UTC)
    points = aged(completed(node.store, name, now - SHOWN), now)
    (source,) = overview(node, name)
    return {
        "source": source,
        "coverage": coverage(node, name),
        "incidents": [each.in_words() for each in incidents(runs)],
        "looked_at": len(runs),
        "aging": drawn(points) if points else None,
        "strip": strip(runs[:RUNS_DRAWN]),
        "runs": [shape_run(run) for run in runs[:RUNS_SHOWN]],
        "reasons": aside.reasons[:REASONS_SHOWN],
        "fates": {each: fates.count(each) for each in ("mapped", "ignored", "unknown")},
    }


def coverage(node: Node, name: str) -> list[dict[str, Any]]:
    """Count the records of a source that state each of the main fields."""

    def count(filters: Mapping[str, Sequence[str]]) -> int:
        return node.catalogue.total(Request(filters={"source": [name], **filters}))

    whole = count({})
    rows = [(each, count({"has": [each]})) for each in HAS]
    return [
        {
            "field": HAS_TITLES[each], "count": found, "of": whole, "share": found / whole if whole else 0.0,
            "with": "/?" + urlencode([("source", name), ("has", each)]),
            "without": "/?" + urlencode([("source", name), ("-has", each)]),
        }
        for each, found in rows
    ]  # fmt: skip


def strip(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out the last harvests, the oldest first, as bars."""
    told = [run for run in reversed(runs) if run["kind"] in HARVESTS]
    return [
        {
            "x": place * 6,
            "height": STATES.get(run["state"], 8),
            "is_failed": run["state"] in FAILED,
            "told": f"{run['started_at']}: {run['state']}, {thousands(run['seen'])} documents, "
            f"{thousands(run['added'])} new, {thousands(run['changed'])} changed",
        }
        for place, run in enumerate(told)
    ]
