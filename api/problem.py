"""Errors as RFC 9457 problem+json, each with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web

from api.language import place_of
from index.engines import Regrouped, SnapshotGone
from index.query import BadQuery
from index.search import Behind


class Problem(Exception):  # it is an answer
    """An error that is told to the client."""

    def __init__(  # noqa: PLR0913  # an answer is these facts
        self,
        status: int,
        title: str,
        detail: str,
        *,
        retry_after: int | None = None,
        more: Mapping[str, object] | None = None,
        on_a_page: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.more, self.on_a_page = more or {}, on_a_page or detail
        self.status, self.title, self.detail = status, title, detail
        after = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.headers = {**after, **(headers or {})}


def not_found(what: str) -> Problem:
    detail = f"{what}; look for it with /api/v1/search?q="
    return Problem(404, "Not found", detail, on_a_page=f"{what}; look for it here")


def response(problem: Problem, request: web.Request) -> web.Response:
    """Write a problem."""
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path_qs,
        **problem.more,
    }
    return web.Response(
        status=problem.status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers={"Vary": "Accept", **problem.headers},  # where people read pages it may be one
    )


def meant(error: Exception) -> Problem | None:
    """Say what an error means to the client; None for one that is not known here."""
    match error:
        case Problem():
            return error
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            said = f"this address answers {allowed}"
            return Problem(405, "Method not allowed", said, headers={"Allow": allowed})
        case web.HTTPNotFound():
            nothing = "there is nothing at this address"
            return Problem(404, "Not found", f"{nothing}; /docs lists what there is", on_a_page=nothing)
        case _:
            return _of_search(error)


def _of_search(error: Exception) -> Problem | None:
    match error:
        case BadQuery():
            return Problem(400, "Bad query", str(error), more=place_of(error))
        case Regrouped():
            return Problem(
                410,
                "Cursor expired",
                "records of this result are grouped otherwise since this page, so going on could repeat or "
                "lose some; start the search again, or ask collapse=none",
            )
        case SnapshotGone():
            return Problem(
                410,
                "Cursor expired",
                "the index has moved on since this page; start the search again, or sort by newest, oldest "
                "or largest, whose cursors do not expire",
            )
        case Behind():
            return Problem(503, "Not indexed yet", str(error), retry_after=1)
        case _:
            return None
