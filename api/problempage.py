"""Errors in the shape that is wanted: a page with a way on for people, problem+json for programs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from api.accepted import preferred
from api.problem import Problem, meant, response
from api.rendering import page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FOR_PROGRAMS = ("/api/", "/oai", "/feeds/", "/metrics", "/healthz", "/readyz")
FILES = (".json", ".csv", ".svg")
SHAPES = ("application/problem+json", "application/json", "text/html")
"""The first of those that are wanted equally: who takes anything (`*/*`, as curl) is a program."""

log = logging.getLogger("headwater.api")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into problems; what nobody foresaw is logged whole and told in one sentence."""
    try:
        return await handler(request)
    except Exception as error:
        problem = meant(error)
        if problem is None and isinstance(error, web.HTTPException):
            raise
        if problem is None:
            log.exception("unforeseen error at %s", request.path_qs)
            problem = Problem(
                500, "Something broke", "this is a fault of the node; the operator finds it in the log"
            )
        return _page(problem, request) if reads_pages(request) else response(problem, request)


def reads_pages(request: web.Request) -> bool:
    """Tell whether somebody reads what is answered: by the address, and by what is accepted."""
    is_file = request.path.endswith(FILES) or request.query.get("format", "html") != "html"
    if is_file or request.path.startswith(FOR_PROGRAMS):
        return False
    return preferred(request.headers.get("Accept", ""), SHAPES) == "text/html"


def _page(problem: Problem, request: web.Request) -> web.Response:
    try:
        answer = page(
            request,
            "problem.html",
            status=problem.status,
            title=problem.title,
            text=problem.on_a_page,
            q=request.query.get("q", ""),
        )
    except Exception:  # a page shows how fresh the sources are: a store that cannot be read must not hide why
        log.exception("no page could be made of a problem at %s", request.path_qs)
        return response(problem, request)
    answer.headers.update(problem.headers)
    return answer
