"""/admin: what operators do to the node by hand, behind a token, with a log. Off unless a token is set.

A browser shows the token once (`/admin/login`) and has a session then (`api/sessions.py`); a program sends it
with every request to `/api/v1/admin/actions`. Where the node is not reached by https, only this machine may
come: the token would travel in the open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from api.acting import ACTIONS, LONG, Errands, Operator, Refused, Wish, act
from api.clients import CLIENTS, share_of
from api.node import NODE, Node
from api.problem import Problem
from api.quarantine import harmless
from api.rendering import page
from api.sessions import Attempts, Session, Sessions, is_same
from api.sources import overview
from config.settings import SHORTEST_TOKEN
from index.actions import Action, actions, note
from index.families.decisions import decisions
from index.families.grouping import Kind
from index.pauses import pauses
from index.query import BadQuery

COOKIE, PATH = "headwater_admin", "/admin"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="headwater"'}
LOGGED, LOGGED_AT_MOST = 20, 200
LONGEST_NAME, LONGEST_WHY = 80, 500
FIELDS = ("action", "source", "one", "other", "number", "why", "kind")
TEXTS = {"source": 80, "one": 300, "other": 300, "why": LONGEST_WHY, "action": 20, "kind": 20}
"""Longest texts of a wish."""


@dataclass(slots=True)
class Admin:
    """What operating needs."""

    token: Callable[[], str]
    """Read at each use, so that it can be changed without a restart."""
    errands: Errands
    sessions: Sessions = field(default_factory=Sessions)
    attempts: Attempts = field(default_factory=Attempts)


# ---- pages ---------------------------------------------------------------------------------------


async def shown(request: web.Request) -> web.Response:
    """Show what there is to operate, and what was done last; or ask for the token."""
    _admin(request)
    session = _session(request)
    if session is None:
        raise web.HTTPSeeOther(f"{PATH}/login")
    node = request.app[NODE]
    told, session.told = session.told, None
    return _page(request, "admin.html", session, told=told, **await node.off_loop(_gathered, node))


async def logged(request: web.Request) -> web.Response:
    """Show the log, the newest first."""
    _admin(request)
    session = _session(request)
    if session is None:
        raise web.HTTPSeeOther(f"{PATH}/login")
    node = request.app[NODE]
    rows = await node.off_loop(_rows, node, request.query, LOGGED_AT_MOST)
    older = f"{PATH}/log?before={rows[-1].number}" if len(rows) == LOGGED_AT_MOST else None
    return _page(request, "admin_log.html", session, log=rows, older=older)


async def asking(request: web.Request) -> web.Response:
    """Ask for the token."""
    _admin(request)
    return _page(request, "admin_login.html", None, error=None, who="")


async def login(request: web.Request) -> web.Response:
    """Begin a session for whoever knows the token."""
    admin, form = _admin(request), await _form(request)
    who = harmless(form.get("who", "").strip())[:LONGEST_NAME]
    if not who:
        return _page(request, "admin_login.html", None, error="Say who you are: it stands in the log", who="")
    try:
        await _check(request, admin, form.get("token", ""), who)
    except Problem as wrong:
        return _page(request, "admin_login.html", None, error=wrong.detail, who=who, status=wrong.status)
    key, _ = admin.sessions.begin(who)
    answer = web.HTTPSeeOther(PATH)
    answer.set_cookie(
        COOKIE, key, path=PATH, httponly=True, samesite="Strict", secure=_is_https(request.app[NODE])
    )
    raise answer


async def logout(request: web.Request) -> web.Response:
    """End the session."""
    admin = _admin(request)
    await _of_session(request)
    admin.sessions.end(request.cookies.get(COOKIE, ""))
    answer = web.HTTPSeeOther(f"{PATH}/login")
    answer.del_cookie(COOKIE, path=PATH)
    raise answer


async def do(request: web.Request) -> web.Response:
    """Do what a form of the page asks; the page then tells what came of it."""
    session, form = await _of_session(request)
    given = {name: form[name] for name in FIELDS if form.get(name)}
    try:
        done = await _done(request, _wish(given), session.who)
        session.told = done.told, False
    except (Refused, BadQuery) as error:
        session.told = str(error), True
    raise web.HTTPSeeOther(PATH)


# ---- for programs --------------------------------------------------------------------------------


async def do_for_program(request: web.Request) -> web.Response:
    """Do what a program asks that sends the token."""
    who = await _program(request)
    try:
        given = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise BadQuery(f"this is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise BadQuery('send a JSON object, such as {"action": "run", "source": "idr"}')
    try:
        done = await _done(request, _wish(given), who)
    except Refused as error:
        raise Problem(409, "Refused", str(error)) from error
    return _json(asdict(done), 202 if done.outcome == "begun" else 200)


async def log_for_program(request: web.Request) -> web.Response:
    """Answer the log."""
    await _program(request)
    node = request.app[NODE]
    rows = await node.off_loop(_rows, node, request.query, LOGGED_AT_MOST)
    return _json({"actions": [asdict(row) for row in rows]})


# ---- what both need ------------------------------------------------------------------------------


def _gathered(node: Node) -> dict[str, Any]:
    paused = pauses(node.store)
    return {
        "sources": [{**each, "paused": paused.get(each["name"])} for each in overview(node)],
        "decisions": list(reversed(decisions(node.store))),
        "log": actions(node.store, LOGGED),
    }


def _rows(node: Node, query: Mapping[str, str], most: int) -> list[Action]:
    before = query.get("before")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) < 16):
        raise BadQuery(f"before={before!r} is no number of an action")
    return actions(node.store, most, before=int(before) if before else None)


async def _done(request: web.Request, wish: Wish, who: str) -> Action:
    operator = Operator(who, _client(request))
    node = request.app[NODE]
    if wish.action in LONG:
        return await _admin(request).errands.begin(wish, operator)
    return await node.off_loop(act, node.store, wish, operator)


def _wish(given: Mapping[str, object]) -> Wish:
    """Read what is wanted.

    Raises:
        BadQuery: it is none of what there is.
    """
    if unknown := set(given) - set(FIELDS):
        raise BadQuery(f"no field {min(unknown)!r}; there are {', '.join(FIELDS)}")
    texts = {name: given.get(name, "") for name in TEXTS}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > TEXTS[name]:
            raise BadQuery(f"{name} must be a text of {TEXTS[name]} characters at most")
    action, kind, number = str(texts.pop("action")), texts.pop("kind") or "family", given.get("number", 0)
    if action not in ACTIONS:
        raise BadQuery(f"action={action!r} is unknown; there are {', '.join(ACTIONS)}")
    if not str(number).isdigit() or len(str(number)) > 15:
        raise BadQuery(f"number={number!r} is no number of a decision")
    wanted: Kind = "version" if kind == "version" else "family"
    if kind != wanted:
        raise BadQuery(f"kind={kind!r} is unknown; there are family and version")
    return Wish(
        action, **{n: str(text).strip() for n, text in texts.items()}, number=int(str(number)), kind=wanted
    )


# ---- who it is -----------------------------------------------------------------------------------


def _admin(request: web.Request) -> Admin:
    """Answer what operating needs.

    Raises:
        Problem: the node has no such part, or the token would travel in the open.
    """
    node = request.app[NODE]
    if node.admin is None:
        message = (
            "this node is operated from the command line alone; docs/operating.md tells how to change that"
        )
        raise Problem(404, "Not offered", message)
    address = request.app[CLIENTS].address_of(request)
    if not _is_https(node) and not (address is not None and address.is_loopback):
        message = (
            "the token would travel in the open: reach the node by https and set public_url to that address, "
            "or come from the machine it runs on (ssh -L)"
        )
        raise Problem(403, "Not safe", message)
    return node.admin


def _session(request: web.Request) -> Session | None:
    return _admin(request).sessions.find(request.cookies.get(COOKIE, ""))


async def _of_session(request: web.Request) -> tuple[Session, Mapping[str, str]]:
    """Answer the session and the form of a request that changes something.

    Raises:
        Problem: 403 where it does not come from a page of this session.
    """
    session, form = _session(request), await _form(request)
    if session is None or not is_same(form.get("word", ""), session.word):
        message = "this form is not of an open session, or that has ended; open /admin and try again"
        raise Problem(403, "Not yours", message)
    return session, form


async def _program(request: web.Request) -> str:
    """Answer who a program acts for, once it has shown the token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    who = harmless(request.headers.get("X-Operator", "a program").strip())[:LONGEST_NAME]
    admin = _admin(request)
    if scheme.lower() != "bearer" or not token:
        message = "send the node's token: Authorization: Bearer TOKEN"
        raise Problem(401, "Who are you", message, headers=CHALLENGE)
    await _check(request, admin, token, who)
    return who


async def _check(request: web.Request, admin: Admin, token: str, who: str) -> None:
    """Check a token; wrong ones are in the log, and only so many may be tried.

    Raises:
        Problem: 401 for a wrong one, 429 after several.
    """
    client, share = _client(request), share_of(request.app[CLIENTS].address_of(request))
    if wait := admin.attempts.wait(share):
        minutes = math.ceil(wait / 60)
        message = f"too many wrong tokens came from your address; try again in {minutes} min"
        raise Problem(429, "Too many wrong tokens", message, retry_after=math.ceil(wait))
    wanted = admin.token()
    if len(wanted) < SHORTEST_TOKEN:
        message = f"admin_token_file holds less than {SHORTEST_TOKEN} characters; nobody may operate so"
        raise Problem(503, "No token", message)
    if not is_same(token.strip(), wanted):
        admin.attempts.failed(share)
        node = request.app[NODE]
        tried = Action(who, client, "login", "", outcome="refused", told="wrong token")
        await node.off_loop(note, node.store, tried)
        raise Problem(401, "Wrong token", "this is not the token of this node", headers=CHALLENGE)
    admin.attempts.passed(share)


async def _form(request: web.Request) -> Mapping[str, str]:
    """Read a form that was sent from this node.

    Raises:
        Problem: another site sent it. Browsers say which; what no browser sends is judged by its word alone.
    """
    here, origin = urlsplit(request.app[NODE].base(request)).netloc, request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc not in {here, request.host}):
        raise Problem(403, "Not yours", "this form was sent by another site")
    given = await request.post()
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _client(request: web.Request) -> str:
    return str(request.app[CLIENTS].address_of(request) or "unknown")


def _is_https(node: Node) -> bool:
    return (node.public_url or "").startswith("https://")


def _page(
    request: web.Request, template: str, session: Session | None, *, status: int = 200, **values: object
) -> web.Response:
    answer = page(request, template, status=status, session=session, **values)
    answer.headers["Cache-Control"] = "no-store"
    # Browsers then say of a form where it comes from; to other sites still nothing is told.
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def _json(body: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        body=orjson.dumps(body), content_type="application/json", status=status, headers=headers
    )
