"""/api/v1/subscriptions: be told by signed webhook when something new matches a search.

Nobody can have another one's address told: the address itself must agree (see `api/herald.py`), and is asked
only so often. Whoever subscribed gets a token, shown once; every message bears the link that ends it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from aiohttp import web
from multidict import MultiDict

from api import pages
from api.herald import Herald, NotTaken, checked
from api.node import NODE, Node
from api.problem import Problem
from api.searchfeed import asked_of, question_of
from index import subscriptions as kept
from index.query import BadQuery
from index.subscriptions import Subscription
from index.watching import query_of

MOST = 1_000
"""Subscriptions of a node; each is one question per commit of the index, about a millisecond."""
MOST_AN_HOUR = 10
"""New ones per host and hour: each sends one message to somebody who may not have asked."""
MOST_BYTES = 20_000
SHORTEST_SECRET, LONGEST_SECRET = 16, 200
LONGEST_QUERY = 2_000


async def subscribe(request: web.Request) -> web.Response:
    """Subscribe an address to a search; it is asked whether it agrees before anything is told."""
    node, herald = request.app[NODE], _herald(request)
    new, host = _read(await _body(request), herald)
    await node.off_loop(_room, node, host)
    await node.off_loop(kept.add, node.store, new, host)
    try:
        agrees = await herald.ask(new)
    except NotTaken as error:
        await node.off_loop(kept.end, node.store, new.id, kept.REFUSED, str(error))
        message = f"the address did not take the question whether it agrees: {error}; nothing was subscribed"
        raise Problem(400, "Not confirmed", message) from error
    if agrees:
        await node.off_loop(kept.confirm, node.store, new.id)
    return _json(
        {**_shape(node.base(request), new, agrees=agrees), "secret": new.secret}, 201 if agrees else 202
    )


async def show(request: web.Request) -> web.Response:
    """Show a subscription to whoever knows its token."""
    found = await _found(request)
    body = _shape(request.app[NODE].base(request), found, agrees=found.state == kept.ACTIVE)
    return _json(
        {**body, "state": found.state, "told": found.told, "failures": found.failures, "error": found.error}
    )


async def delete(request: web.Request) -> web.Response:
    """End a subscription."""
    found, node = await _found(request), request.app[NODE]
    await node.off_loop(kept.end, node.store, found.id)
    return _json({"id": found.id, "state": kept.ENDED})


async def unsubscribe(request: web.Request) -> web.Response:
    """End a subscription by the link that every message bears; a second visit says the same."""
    found, node = await _found(request), request.app[NODE]
    await node.off_loop(kept.end, node.store, found.id)
    return pages.said(request, "Unsubscribed", "This address is told of that search no more.")


async def confirming(request: web.Request) -> web.Response:
    """Ask a person to agree: programs that only look at links must not agree for anybody."""
    await _waiting(request)
    text = "Somebody asks this node to tell your address whenever something new matches a search."
    return pages.said(request, "Confirm", text, button="I agree")


async def confirm(request: web.Request) -> web.Response:
    """Let a subscription begin."""
    found, node = await _waiting(request), request.app[NODE]
    await node.off_loop(kept.confirm, node.store, found.id)
    return pages.said(
        request, "Confirmed", "From now on your address is told of what is new for that search."
    )


def _herald(request: web.Request) -> Herald:
    herald = request.app[NODE].herald
    if herald is None:
        message = (
            "this node takes no subscriptions; follow the search with /feeds/search.atom?q= instead, or ask "
            "its operator to set subscriptions = true"
        )
        raise Problem(404, "Not offered", message)
    return herald


def _read(body: bytes, herald: Herald) -> tuple[Subscription, str]:
    """Read what is to be subscribed; the search must be one that could be asked now.

    Raises:
        BadQuery: it cannot be understood.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadQuery(f"this is no JSON: {error}") from error
    if not isinstance(given, dict) or set(given) - {"query", "url", "secret"}:
        raise BadQuery("send a JSON object with query and url, and secret if wanted")
    query, url, secret = (given.get(name) for name in ("query", "url", "secret"))
    if not isinstance(query, str) or "=" not in query or len(query) > LONGEST_QUERY:
        raise BadQuery('query is what follows the ? of a search, such as "q=light+sheet&organism=mouse"')
    if not isinstance(url, str):
        raise BadQuery("url is missing; give the address to be told, such as https://example.org/hook")
    if secret is not None and not (
        isinstance(secret, str) and secret.isascii() and SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET
    ):
        raise BadQuery(
            f"secret must be {SHORTEST_SECRET} to {LONGEST_SECRET} ASCII characters; or leave it out"
        )
    pairs = parse_qsl(query)
    asked = question_of(pairs)
    query_of(asked)
    return Subscription(
        id=secrets.token_hex(8), query=urlencode(asked_of(MultiDict(pairs))), url=url,
        secret=secret or secrets.token_urlsafe(32), token=secrets.token_urlsafe(24),
        challenge=secrets.token_urlsafe(24), state=kept.WAITING,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), told=0,
    ), checked(url, herald.networks)  # fmt: skip


def _room(node: Node, host: str) -> None:
    """See that there is room for one more.

    Raises:
        Problem: there is none.
    """
    if kept.count(node.store, states=(kept.ACTIVE, kept.WAITING)) >= MOST:
        message = f"this node has {MOST:,} subscriptions, which is all it takes; try another day"
        raise Problem(503, "Full", message)
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kept.count(node.store, host=host, since=hour_ago) >= MOST_AN_HOUR:
        message = f"{host} was asked {MOST_AN_HOUR} times within the hour; try again later"
        raise Problem(429, "Too often", message, retry_after=3_600)


async def _found(request: web.Request) -> Subscription:
    node = request.app[NODE]
    _herald(request)
    token = request.match_info["token"]
    found = await node.off_loop(lambda: kept.find(node.store, token=token))
    if found is None:
        raise Problem(404, "Not found", "there is no such subscription; it may have been ended long ago")
    return found


async def _waiting(request: web.Request) -> Subscription:
    node = request.app[NODE]
    _herald(request)
    challenge = request.match_info["challenge"]
    found = await node.off_loop(lambda: kept.find(node.store, challenge=challenge))
    if found is None or found.state not in {kept.WAITING, kept.ACTIVE}:
        raise Problem(
            404, "Not found", "nothing waits to be confirmed here; it may have been more than a day"
        )
    return found


async def _body(request: web.Request) -> bytes:
    body = b""
    async for part in request.content.iter_chunked(1 << 14):
        body += part
        if len(body) > MOST_BYTES:
            raise Problem(413, "Too large", f"a subscription is {MOST_BYTES:,} bytes at most")
    return body


def _shape(base: str, found: Subscription, *, agrees: bool) -> dict[str, Any]:
    return {
        "id": found.id,
        "state": kept.ACTIVE if agrees else kept.WAITING,
        "query": found.query,
        "url": found.url,
        "created_at": found.created_at,
        "token": found.token,
        "self": f"{base}/api/v1/subscriptions/{found.token}",
        "unsubscribe": f"{base}/unsubscribe/{found.token}",
        "next": None
        if agrees
        else "the address must answer the message it got with its challenge, or its owner open its link "
        "within a day",
    }


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json", status=status)
