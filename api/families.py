"""/api/v1/records/{id}/family and the family's page: who belongs together, why, and what is newest."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from api import pages
from api.node import NODE
from api.records import find
from index.families.decisions import Decision
from index.families.telling import Evidence, Family, family_of
from index.store import Kept

TEXT, LINK = {"type": "string"}, {"type": ["string", "null"]}
_EVIDENCE = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["kind", "rule", "value", "members", "words"],
        "properties": {
            "kind": {"enum": ["version", "family", None], "description": "null of what joins nothing"},
            "rule": {**TEXT, "description": "Kind of evidence"},
            "value": {**TEXT, "description": "The identifier that it rests on"},
            "members": {"type": "array", "items": TEXT},
            "words": {**TEXT, "description": "The evidence as a sentence"},
        },
    },
}
FAMILY: dict[str, Any] = {
    "type": "object",
    "required": [
        "id", "family", "version_group", "newest_version", "members", "evidence", "set_aside", "decisions",
    ],
    "properties": {
        "id": TEXT,
        "family": {"type": "integer", "description": "Number of the family; it may change when members do"},
        "version_group": {"type": "integer"},
        "newest_version": {**LINK, "description": "Of the versions of this record, the newest that stands"},
        "members": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "source", "title", "state", "origin", "version_group", "newest"],
                "properties": {"id": TEXT, "title": LINK, "landing": LINK, "newest": {"type": "boolean"}},
            },
        },
        "evidence": _EVIDENCE,
        "set_aside": _EVIDENCE,
        "decisions": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
"""The answer's schema."""


async def family(request: web.Request) -> web.Response:
    """Answer the family of a record; one that stands alone has a family of one."""
    node, kept = request.app[NODE], await find(request)
    told = await node.off_loop(family_of, node.store, kept.rid)
    return web.Response(body=orjson.dumps(shape(kept, told)), content_type="application/json")


async def shown(request: web.Request) -> web.Response:
    """Answer the page of a family."""
    node, kept = request.app[NODE], await find(request)
    told = await node.off_loop(family_of, node.store, kept.rid)
    return pages.family(request, kept, shape(kept, told))


def shape(kept: Kept, told: Family) -> dict[str, Any]:
    """Shape a family as the API gives it."""
    own = next(one for one in told.members if one.kept.rid == kept.rid)
    versions = [one for one in told.members if one.version_group == own.version_group]
    newest = next((one.kept.id for one in versions if one.is_newest), None)
    return {
        "id": kept.id,
        "family": told.number,
        "version_group": own.version_group,
        "newest_version": newest,
        "members": [
            {
                "id": one.kept.id,
                "source": one.kept.stored["source"],
                "title": one.kept.stored.get("title"),
                "version": one.kept.stored.get("version"),
                "published": (one.kept.stored.get("dates") or {}).get("published"),
                "landing": (one.kept.stored.get("links") or {}).get("landing"),
                "state": one.kept.state,
                "origin": one.kept.origin,
                "version_group": one.version_group,
                "newest": one.is_newest,
            }
            for one in told.members
        ],
        "evidence": [_evidence(one) for one in told.evidence],
        "set_aside": [_evidence(one) for one in told.aside],
        "decisions": [shape_decision(one) for one in told.decisions],
    }


def shape_decision(one: Decision) -> dict[str, Any]:
    """Shape a decision by hand."""
    return {
        "number": one.number,
        "decision": one.verb,
        "kind": one.kind,
        "records": [one.one, one.other],
        "why": one.why,
        "who": one.who,
        "at": one.at,
        "undone_at": one.undone_at,
        "undone_by": one.undone_by,
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "rule": one.rule,
        "value": one.value,
        "members": list(one.members),
        "words": one.words,
    }
