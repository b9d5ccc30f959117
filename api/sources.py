"""/api/v1/sources: what we hold of each repository, how fresh it is and how its harvests went."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from api.due import shape_due
from api.node import NODE, Node
from api.problem import not_found
from index.losses import drift
from index.past import pasts
from index.proofs import Proof
from index.search import Request

RUNS_SHOWN = 20
CARD = ("title", "homepage", "license_note", "incremental", "deletions", "schedule")
"""What a source says about itself; None for one that was harvested by something older."""


async def sources(request: web.Request) -> web.Response:
    """List the sources."""
    node = request.app[NODE]
    body = {
        "sources": await node.off_loop(overview, node),
        "revision": await node.off_loop(node.store.revision),
    }
    return _json(body)


async def source(request: web.Request) -> web.Response:
    """Answer one source with its last runs."""
    node, name = request.app[NODE], named(request)
    (found,) = await node.off_loop(overview, node, name)
    latest = await node.off_loop(node.store.runs, name, RUNS_SHOWN)
    return _json({**found, "runs": [shape_run(run) for run in latest]})


async def runs(request: web.Request) -> web.Response:
    """List the runs of one source, newest first, with what each noticed."""
    node, name = request.app[NODE], named(request)
    latest = await node.off_loop(node.store.runs, name, RUNS_SHOWN)
    noticed = {run["id"]: await node.off_loop(node.store.findings, run["id"]) for run in latest[:5]}
    return _json({"runs": [{**shape_run(run), "findings": noticed.get(run["id"])} for run in latest]})


def named(request: web.Request) -> str:
    """Answer the source that an address names.

    Raises:
        Problem: 404 for one that was never harvested.
    """
    name = request.match_info["name"]
    if name not in request.app[NODE].states():
        raise not_found(f"no source {name!r} was ever harvested")
    return name


def overview(node: Node, source: str | None = None) -> list[dict[str, Any]]:
    """Gather what is known of one source, or of every one."""
    counts, proofs, known = node.store.counts(source), node.proofs(), pasts(node.store, source)
    drifted = drift(node.store, source)
    return [
        {
            "name": state.name,
            **{name: state.card.get(name) for name in CARD},
            "origin": state.origin,
            "scope": state.scope,
            "state": state.last_state,
            "error": state.last_error,
            "fresh_at": state.fresh_at,
            "complete_at": state.complete_at,
            "announced": state.announced,
            "records": counts.get(state.name, {}).get("current", 0),
            "withdrawn": counts.get(state.name, {}).get("withdrawn", 0),
            "quarantined": counts.get(state.name, {}).get("quarantined", 0),
            "newest": _newest(node, state.name),
            "completeness": shape_proof(proofs.get(state.name)),
            "drift": drifted.get(state.name, []),
            **shape_due(state.name, state.card.get("schedule"), known.get(state.name)),
        }
        for state in node.store.source_states().values()
        if source in {None, state.name}
    ]


def shape_proof(proof: Proof | None) -> dict[str, Any] | None:
    """Shape what is known of a source's completeness; None before its first complete harvest."""
    if proof is None:
        return None
    told = {name: value for name, value in asdict(proof).items() if name != "source"}
    return {**told, "words": proof.in_words()}


def _newest(node: Node, name: str) -> str | None:
    """Answer when the newest record of a source was published."""
    answer = node.catalogue.search(Request(filters={"source": [name]}, sort="newest", size=1))
    # Of a part of the index the newest may not be the newest.
    found = () if answer.searched else answer.hits
    return found[0].kept.stored.get("dates", {}).get("published") if found else None


def shape_run(run: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is nobody's business: which process it was."""
    return {name: value for name, value in run.items() if name != "worker"}


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
