"""The replica of figshare: API v2's search, list and details of articles, and OAI-PMH at /v2/oai.

Copied behavior: pages of 10 unless told, of 1,000 at most (422 beyond); no total; no further than 9,000
articles without the `X-Cursor` header, which every list answers; a bare date in a list's `firstOnline`;
ETag and 304 for details; 404 with "EntityNotFound". OAI-PMH: the datestamp is when the newest version was
published, sets of item types, categories and months, tokens for an hour, deleted headers for a while
(sources: the API's Swagger file of July 2026, the documentation of OAI-PMH, recorded answers).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from harvester.replicas import figshare_lists, figshare_oai
from harvester.replicas.holdings import Generated, Holding, Holdings, Listed, Variation, bundled_json
from harvester.replicas.oaipmh import oai_routes
from harvester.replicas.server import Replica, json_answer
from harvester.source import Document

NAME = "figshare"
FIRST = 30_000_000
"""Number of the first generated article."""


def bundled() -> Listed:
    """Hold the bundled articles."""
    return Listed.of(_held(article) for article in bundled_json("figshare.json"))


def found(documents: Iterator[Document]) -> Listed:
    """Hold articles of API v2 found in a folder; fragments get the empty values figshare would give."""
    holdings = Listed()
    for document in documents:
        article = orjson.loads(document.body) if document.media_type == "application/json" else {}
        is_draft = article.get("is_public") is False or article.get("published_date", "-") is None
        if document.id is None or not article or "article_id" in article or is_draft:
            continue
        held = _held({"title": "", "description": "", **article, "id": int(document.id)})
        before = holdings.get(held.id)
        if before is None or len(held.body) > len(before.body):  # a list item says less than the details
            holdings.put(held)
    return holdings


def generated(count: int, seed: int) -> Generated:
    """Make as many articles as asked for, published and changed one after the other."""
    whole = [article for article in bundled_json("figshare.json") if article["title"] and article["files"]]
    return Generated([_template(article) for article in whole], count, seed=seed, fill=_fill)


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as answers of the upstream, for reading without a server."""
    for holding in holdings.in_order():
        yield holding.body


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give."""
    return len(holdings)


def limit() -> None:
    """Enforce nothing: figshare recommends one request a second, and says it does not limit automatically."""


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Edit an article's title; an edit of metadata leaves the date of publication as it was."""
    article = holding.json() | {"title": title, "modified_date": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return Holding(holding.id, holding.changed, orjson.dumps(article))


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the API's paths."""
    desk = _Desk(replica)
    one = r"/v2/articles/{id:\d+}"
    return [
        web.post("/v2/articles/search", desk.search),
        web.get("/v2/articles", desk.search),
        web.get(one, desk.details),
        web.get(f"{one}/versions", desk.versions),
        web.get(one + r"/versions/{version:\d+}", desk.version),
        web.get(f"{one}/files", desk.files),
        *oai_routes(
            replica,
            "/v2/oai",
            formats={"oai_dc": figshare_oai.dublin_core, "oai_datacite": figshare_oai.datacite},
            identifier=figshare_oai.identifier,
            sets=figshare_oai.sets,
            page_size=100,
            token_seconds=3600,
            deleted="transient",
            address="https://api.figshare.com/v2/oai",
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Answers requests to the REST API."""

    replica: Replica

    async def search(self, request: web.Request) -> web.Response:
        try:
            posted = request.method == "POST"
            asked = figshare_lists.question_in(await request.read()) if posted else dict(request.query)
            question = figshare_lists.Question.of(asked, request.headers.get("X-Cursor"))
        except (figshare_lists.Unprocessable, ValueError) as error:
            return _error(422, str(error), "UnprocessableEntity")
        items, cursor = figshare_lists.page(self.replica, question)
        return json_answer(orjson.dumps(items), X_Cursor=cursor)

    async def details(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if held is None:
            return _not_found()
        tag = f'"{hashlib.md5(held.body, usedforsecurity=False).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return json_answer(held.body, ETag=tag, Last_Modified=format_datetime(held.changed, usegmt=True))

    async def versions(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if held is None:
            return _not_found()
        url = f"https://api.figshare.com/v2/articles/{held.id}/versions"
        known = [{"version": each, "url": f"{url}/{each}"} for each in range(1, _newest(held) + 1)]
        return json_answer(orjson.dumps(known))

    async def version(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if held is None or int(request.match_info["version"]) != _newest(held):
            return _not_found()  # older versions are not held
        return json_answer(held.body)

    async def files(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if held is None:
            return _not_found()
        size, page = (int(request.query.get(name, usual)) for name, usual in (("page_size", 10), ("page", 1)))
        return json_answer(orjson.dumps((held.json().get("files") or [])[(page - 1) * size : page * size]))

    def _held(self, request: web.Request) -> Holding | None:
        holdings, number = self.replica.holdings, request.match_info["id"]
        if not isinstance(holdings, Generated):
            return holdings.get(number)
        place = int(number) - FIRST
        if not 0 <= place < len(holdings):
            return None
        held = holdings[place]  # a template's tokens are text, an article's id is a number
        body = held.body.replace(b'"id":"%s"' % number.encode(), b'"id":%s' % number.encode(), 1)
        return Holding(held.id, held.changed, body)


def _newest(held: Holding) -> int:
    return int(held.json().get("version") or 1)


def _error(status: int, message: str, code: str) -> web.Response:
    return json_answer(orjson.dumps({"message": message, "code": code}), status=status)


def _not_found() -> web.Response:
    return _error(404, "Entity not found: ArticleVersion", "EntityNotFound")


def _held(article: dict[str, Any]) -> Holding:
    # The date of publication, since that is OAI-PMH's datestamp; lists read the date they need.
    stamp = figshare_lists.stamp_of(article, "published_date")
    return Holding(str(article["id"]), stamp, orjson.dumps(article))


def _template(article: dict[str, Any]) -> dict[str, Any]:
    template = copy.deepcopy(article)
    address = "https://figshare.com/articles/dataset/_/@ID@"
    template |= {
        "id": "@ID@",
        "title": "@TITLE@",
        "description": "<p>@TEXT@</p>",
        "doi": "10.6084/m9.figshare.@ID@.v1",
        "version": 1,
        "citation": "@NAME@ (2020): @TITLE@. figshare. Dataset. https://doi.org/10.6084/m9.figshare.@ID@.v1",
        "figshare_url": address,
        "url_public_html": address,
        "url": "https://api.figshare.com/v2/articles/@ID@",
        "url_public_api": "https://api.figshare.com/v2/articles/@ID@",
        "resource_doi": "",
        "resource_title": "",
        "related_materials": [],
        "timeline": {"posted": "@STAMP@", "firstOnline": "@STAMP@"},
    }
    template |= dict.fromkeys(("created_date", "published_date", "modified_date"), "@STAMP@Z")
    template["authors"] = [{"full_name": "@NAME@", "orcid_id": ""}, *template["authors"][1:]]
    return template


def _fill(place: int, variation: Variation) -> dict[str, str]:
    return {
        "@ID@": str(FIRST + place),
        "@TITLE@": variation.title,
        "@TEXT@": variation.text,
        "@STAMP@": f"{variation.changed:%Y-%m-%dT%H:%M:%S}",
        "@NAME@": variation.people[0],
    }
