"""The replica of Dryad: the search, datasets, versions, their files, and the sitemap.

Copied behavior (source of dryad-app, August 2026; live answers of 2026): pages of 20, at most 100, cut by
position; links are relative paths, and the last page has no `next`; DOIs are percent-encoded, else the
answer is an empty 404; an unknown DOI is 404 `{"error":"not-found"}`, one that Dryad knows and does not show
is 200 with a message; a time that is no full ISO time is a 500; of the rate limit only the 429 tells.
"""

from __future__ import annotations

import copy
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web

from harvester.fields import Raw
from harvester.replicas import dryad_answers as answers
from harvester.replicas.holdings import EPOCH, Generated, Holding, Holdings, Listed, Variation, bundled_json
from harvester.replicas.server import Limit, Replica, json_answer
from harvester.source import Document

NAME = "dryad"
API = answers.API

FIRST_VERSION = 1_000_000
"""Generated datasets number their versions from here on."""


def bundled() -> Listed:
    """Hold the bundled datasets, some with their files."""
    stock = bundled_json("dryad.json")
    return Listed.of(
        _held(entry, stock["files"].get(answers.version_of(entry))) for entry in stock["datasets"]
    )


def found(documents: Iterator[Document]) -> Listed:
    """Hold datasets found in a folder; what is only a version, or not shown, is not in Dryad's search."""
    holdings = Listed()
    for document in documents:
        whole = orjson.loads(document.body)
        entry = whole.get("dataset", whole)
        if isinstance(entry.get("identifier"), str) and "message" not in entry:
            holdings.put(_held(entry, whole.get("files") if entry is not whole else None))
    return holdings


def generated(count: int, seed: int) -> Generated:
    """Make as many datasets as asked for."""
    templates = [_template(entry) for entry in bundled_json("dryad.json")["datasets"]]
    return Generated(templates, count, seed=seed, fill=_fill)


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as answers: pages of the search, and apart those whose files are known."""
    alone = [held.body for held in holdings.in_order() if not answers.has_files(held)]
    for start in range(0, len(alone), 100):
        query = {"per_page": "100", "page": str(start // 100 + 1)}
        yield answers.page("search", query, alone[start : start + 100], len(alone))
    yield from (held.body for held in holdings.in_order() if answers.has_files(held))


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give."""
    return len(holdings)


def limit() -> Limit:
    """Answer the limit for callers without an account (app_config.yml, August 2026)."""
    return Limit(30, 60, _limit_headers, "Request rejected due to rate limits.\n")


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Give a dataset another title and day of change."""
    whole = holding.json()
    whole.get("dataset", whole).update({"title": title, "lastModificationDate": f"{at:%Y-%m-%d}"})
    return Holding(holding.id, at, orjson.dumps(whole))


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the API's paths."""
    return [
        web.get(f"{API}/search", partial(_search, replica)),
        web.get(f"{API}/datasets", partial(_datasets, replica)),
        web.get(f"{API}/datasets/{{doi}}", partial(_dataset, replica)),
        web.get(f"{API}/versions/{{number}}", partial(_version, replica)),
        web.get(f"{API}/versions/{{number}}/files", partial(_files, replica)),
        web.get("/sitemap.xml", partial(_sitemap, replica)),
        web.get("/{rest:.*}", _no_route),
    ]


async def _search(replica: Replica, request: web.Request) -> web.Response:
    asked = request.query
    try:
        since, before = (answers.moment(asked.get(name)) for name in ("modifiedSince", "modifiedBefore"))
    except ValueError as error:
        return json_answer(orjson.dumps({"error": str(error)}), status=500)
    places = _window(replica.holdings, since, before)
    if isinstance(replica.holdings, Listed):  # generated ones are about imaging, all of them
        words, endings = asked.get("q", "*"), asked.getall("fileExt", [])
        places = [n for n in places if answers.matches(replica.holdings[n], words, endings)]
    if asked.get("sort") != "updated_at_dt asc":
        places = places[::-1]
    return _list(replica, request, places)


async def _datasets(replica: Replica, request: web.Request) -> web.Response:
    return _list(replica, request, range(len(replica.holdings)))


async def _dataset(replica: Replica, request: web.Request) -> web.Response:
    held, shown = _find(replica.holdings, request.match_info["doi"])
    if held is None:
        return _not_found()
    return json_answer(answers.dataset(held) if shown else answers.hidden(held))


async def _version(replica: Replica, request: web.Request) -> web.Response:
    number = request.match_info["number"]
    held = _of_version(replica, number)
    return _not_found() if held is None else json_answer(answers.version(held, number))


async def _files(replica: Replica, request: web.Request) -> web.Response:
    number = request.match_info["number"]
    held = _of_version(replica, number)
    if held is None:
        return _not_found()
    rows = answers.files(held)
    page, size = answers.cut(request.query)
    shown = rows[(page - 1) * size : page * size]
    path = f"versions/{number}/files"
    return json_answer(answers.page(path, request.query, shown, len(rows), kind="stash:files"))


async def _sitemap(replica: Replica, request: web.Request) -> web.Response:
    text = answers.sitemap(replica.holdings, request.query.get("page"))
    return web.Response(text=text, content_type="application/xml")


async def _no_route(_request: web.Request) -> web.Response:
    return web.Response(status=404)


def _not_found() -> web.Response:
    return json_answer(b'{"error":"not-found"}', status=404)


def _list(replica: Replica, request: web.Request, places: Sequence[int]) -> web.Response:
    page, size = answers.cut(request.query)
    if replica.struck(request.path_qs, ("repeat-token",)):
        places = [*places[:size], *places]  # the page before comes once more
    rows = [answers.dataset(replica.holdings[n]) for n in places[(page - 1) * size : page * size]]
    path = request.path.removeprefix(f"{API}/")
    return json_answer(answers.page(path, request.query, rows, len(places)))


def _window(holdings: Holdings, since: datetime | None, before: datetime | None) -> Sequence[int]:
    """Answer the places of what changed in a span of time; holdings stand in that order."""
    places = range(len(holdings))
    first = bisect_left(places, since, key=lambda n: holdings[n].changed) if since else 0
    end = bisect_right(places, before, key=lambda n: holdings[n].changed) if before else len(holdings)
    return places[first:end]


def _find(holdings: Holdings, asked: str) -> tuple[Holding | None, bool]:
    """Find a dataset by its DOI, in any case, with or without "doi:"; and tell whether it is shown."""
    id_ = asked if asked.lower().startswith("doi:") else f"doi:{asked}"
    if not isinstance(holdings, Listed):
        held = holdings.get(id_)
        return (held, True) if held and held.id == id_ else (None, True)
    for known, held in holdings.held.items():
        if known.lower() == id_.lower():
            return held, known not in holdings.withdrawn
    return None, True


def _of_version(replica: Replica, number: str) -> Holding | None:
    holdings = replica.holdings
    if not isinstance(holdings, Listed):
        place = int(number) - FIRST_VERSION if number.isdigit() else -1
        return holdings[place] if 0 <= place < len(holdings) else None
    if "versions" not in replica.memory:
        held = holdings.in_order()
        replica.memory["versions"] = {answers.version_of(answers.entry(each)): each for each in held}
    known: dict[str, Holding] = replica.memory["versions"]
    return known.get(number)


def _limit_headers(allowed: int, left: int, ends: float) -> dict[str, str]:
    if left:  # an answer within the limit says nothing of it
        return {}
    return {
        "RateLimit-Limit": str(allowed),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(math.ceil(ends)),
    }


def _held(entry: dict[str, Raw], files: list[Raw] | None) -> Holding:
    stamp = entry.get("lastModificationDate") or entry.get("publicationDate")
    at = datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else EPOCH
    if stamp:
        entry = entry | {"lastModificationDate": stamp}  # the server always gives one; few sources do
    body = {"dataset": entry, "files": files, "total": len(files)} if files else entry
    return Holding(entry["identifier"], at, orjson.dumps(body))


def _template(entry: dict[str, Any]) -> dict[str, Any]:
    old = quote(entry["identifier"], safe="")
    links = orjson.dumps(entry["_links"]).decode().replace(old, "doi%3A10.5061%2Fdryad.@NAME@")
    links = links.replace(f"/versions/{answers.version_of(entry)}", "/versions/@NUMBER@")
    template = copy.deepcopy(entry) | {
        "_links": orjson.loads(links),
        "identifier": "@ID@",
        "title": "@TITLE@",
        "abstract": "<p>@TEXT@</p>",
        "lastModificationDate": "@DATE@",
        "sharingLink": "http://datadryad.org/dataset/@ID@",
        "relatedWorks": [],
    }
    for author, (given, family) in zip(template["authors"], (("@GIVEN@", "@FAMILY@"),), strict=False):
        author |= {"firstName": given, "lastName": family}
        author.pop("orcid", None)
    return template


def _fill(place: int, variation: Variation) -> dict[str, str]:
    family, _, given = variation.people[0].rpartition(" ")
    return {
        "@ID@": f"doi:10.5061/dryad.made{place}",
        "@NAME@": f"made{place}",
        "@NUMBER@": str(FIRST_VERSION + place),
        "@TITLE@": variation.title,
        "@TEXT@": variation.text,
        "@DATE@": f"{variation.changed:%Y-%m-%d}",
        "@GIVEN@": given,
        "@FAMILY@": family,
    }
