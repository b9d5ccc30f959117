"""/api/v1/suggest, and what a search answers besides its hits: did_you_mean and why_empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from api.node import NODE, Node
from api.parameters import known, number
from index.help import WhyEmpty
from index.query import BadQuery
from index.search import EVERYDAY, Answer, Request
from index.suggest import KINDS, LONGEST, Suggestion

ALL_KINDS = (*KINDS.values(), "title", "word")

Pairs = list[tuple[str, str]]


async def suggest(request: web.Request) -> web.Response:
    """Suggest what to ask for, as somebody types."""
    node, query = request.app[NODE], request.query
    known(query, ("q", "size", "kind"))
    size = number(query, "size", default=10, low=1, high=50)
    typed = query.get("q", "")
    if len(typed) > LONGEST:
        raise BadQuery(f"q has {len(typed)} characters; suggestions are for {LONGEST} at most")
    kinds = [each for each in ALL_KINDS if each in query.getall("kind", ())]
    for unknown in set(query.getall("kind", ())) - set(kinds):
        raise BadQuery(f"kind={unknown!r} is unknown; there are {', '.join(ALL_KINDS)}")
    found = await node.off_loop(node.helper.suggest, typed, size, kinds)
    return _json({"suggestions": [_suggestion(one) for one in found]})


def besides(node: Node, asked: Request, answer: Answer) -> dict[str, Any]:
    """Answer what helps whoever found little or nothing; null where there is nothing to say."""
    meant = node.helper.did_you_mean(asked, answer)
    why = node.helper.why_empty(asked, answer)
    spelling = None
    if meant is not None:
        pairs = pairs_of(asked, meant.words, asked.filters)
        spelling = {
            "q": meant.words, "total": meant.total, "words": dict(meant.changed), **_links(pairs),
        }  # fmt: skip
    return {"did_you_mean": spelling, "why_empty": _why(asked, why) if why else None}


def pairs_of(asked: Request, words: str, filters: Mapping[str, Sequence[str]]) -> Pairs:
    """Write a search like another one, with other words and filters, as parameters."""
    pairs = [("q", words)] if words.strip() else []
    pairs += [(name, value) for name, values in filters.items() for value in values]
    if asked.sort:
        pairs.append(("sort", asked.sort))
    if asked.match != "all":
        pairs.append(("match", asked.match))
    if asked.withdrawn != "exclude":
        pairs.append(("withdrawn", asked.withdrawn))
    if asked.collapse != EVERYDAY:
        pairs.append(("collapse", asked.collapse))
    if not asked.expand:
        pairs.append(("expand", "no"))
    if asked.as_of:
        pairs.append(("as_of", asked.as_of))
    return pairs


def _why(asked: Request, why: WhyEmpty) -> dict[str, Any]:
    return {
        "sentence": why.sentence,
        "parts": [
            {
                "name": part.name, "text": part.text, "alone": part.alone, "without": part.without,
                **_links(pairs_of(asked, part.words, part.filters)),
            }
            for part in why.parts
        ],
        "unlooked": why.unlooked,
    }  # fmt: skip


def _links(pairs: Pairs) -> dict[str, str]:
    asked = urlencode(pairs)
    return {"search": f"/api/v1/search?{asked}", "page": f"/?{asked}"}


def _suggestion(one: Suggestion) -> dict[str, Any]:
    return {
        "text": one.text, "kind": one.kind, "count": one.count, "asks": dict(one.asks), "record": one.record,
        **_links(list(one.asks.items())),
    }  # fmt: skip


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
