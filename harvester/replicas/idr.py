"""The replica of IDR: OMERO's JSON API, the gallery on top of it, and IDR's files on GitHub.

Copied behavior: lists cut at 200 by default and at 1,000 at most; unknown parameters passed over; an offset
past the end answers an empty list; child counts only when asked for; annotations of exactly the ids asked
for, so that a project's id asked as a screen's answers another study; attached files among the annotations
unless type=map; an HTML page that says 404 for an unknown study; "404: Not Found" from GitHub
(sources: public recordings of 2023 and of August 2026, and the public code of IDR's front page).
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator
from datetime import datetime

import orjson
from aiohttp import web

from harvester.fields import Raw
from harvester.replicas.holdings import Generated, Holding, Holdings, Listed, bundled_json
from harvester.replicas.idr_shelf import TABLES, Shelf, take_apart
from harvester.replicas.idr_studies import STUDY_NS, bundled, bundled_table, found, generated
from harvester.replicas.server import Replica, json_answer

__all__ = [
    "NAME",
    "as_documents",
    "bundled",
    "changed",
    "found",
    "generated",
    "limit",
    "routes",
    "studies",
]

NAME = "idr"
DEFAULT, MOST = 200, 1000
GITHUB = "raw.githubusercontent.com"
PICTURE = "data:image/jpeg;base64," + base64.b64encode(b"a picture of 96 by 96 pixels").decode()
NO_PAGE = "<!DOCTYPE html><html><head><title>Page not found</title></head><body>404</body></html>"


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as studies put together, for reading without a server."""
    for holding in holdings.in_order():
        yield holding.body


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give."""
    return len(holdings)


def limit() -> None:
    """IDR publishes no limit."""


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Give a study another title, in its annotations and at the head of its descriptions."""
    study = holding.json()
    for container in study["containers"]:
        _, _, rest = str(container.get("Description", "")).partition("\n\n")
        container["Description"] = f"Publication Title\n{title}\n\n{rest}"
    for annotation in study["annotations"]:
        others = [pair for pair in annotation["values"] if pair[0] != "Study Title"]
        annotation |= {"values": [["Study Title", title], *others], "date": at.isoformat(timespec="seconds")}
    return Holding(holding.id, at, orjson.dumps(study))


def _about(replica: Replica, request: web.Request) -> tuple[Shelf, list[str]]:
    """Find what a request with project=1&screen=2 asks about."""
    asked = [(kind, id_) for kind in ("project", "screen") for id_ in request.query.getall(kind, [])]
    keys = [f"{kind}-{id_}" for kind, id_ in asked]
    if not isinstance(replica.holdings, Generated):
        return take_apart(replica), keys
    numbers = [int(id_) - 1 for kind, id_ in asked if kind == "project" and id_.isdigit()]
    return take_apart(replica, [place for place in numbers if 0 <= place < len(replica.holdings)]), keys


def _list(replica: Replica, kind: str, offset: int, most: int) -> tuple[list[Raw], int]:
    holdings = replica.holdings
    if isinstance(holdings, Generated):  # each has one project
        total = len(holdings) if kind == "project" else 0
        return take_apart(replica, range(offset, min(offset + most, total))).objects[kind], total
    objects = take_apart(replica).objects[kind]
    return objects[offset : offset + most], len(objects)


def _omero(replica: Replica) -> Iterator[web.RouteDef]:
    def listing(kind: str) -> web.RouteDef:
        async def answer(request: web.Request) -> web.Response:
            asked = request.query
            most = min(int(asked.get("limit", DEFAULT)), MOST)
            offset = int(asked.get("offset", 0))
            data, total = _list(replica, kind, offset, most)
            if asked.get("childCount") != "true":
                data = [
                    {key: value for key, value in each.items() if key != "omero:childCount"} for each in data
                ]
            meta = {"offset": offset, "limit": most, "maxLimit": MOST, "totalCount": total}
            return json_answer(orjson.dumps({"data": data, "meta": meta}), X_OMERO_ApiVersion="0.2")

        return web.get(f"/api/v0/m/{kind}s/", answer)

    yield from map(listing, ("project", "screen"))


def _gallery(replica: Replica) -> Iterator[web.RouteDef]:
    async def annotations(request: web.Request) -> web.Response:
        shelf, keys = _about(replica, request)
        held = [each for key in keys for each in (*shelf.annotations.get(key, ()), *_others(key))]
        namespace = request.query.get("ns")
        kept = [
            each
            for each in held
            if (request.query.get("type") != "map" or each["class"] == "MapAnnotationI")
            and (namespace is None or each["ns"] == namespace)
        ]
        return json_answer(
            orjson.dumps({"annotations": kept, "experimenters": [{"id": 2, "omeName": "demo"}]})
        )

    async def thumbnails(request: web.Request) -> web.Response:
        shelf, keys = _about(replica, request)
        shown = {
            key: {"image": {"id": shelf.images[key]}, "thumbnail": PICTURE}
            for key in keys
            if key in shelf.images
        }
        return json_answer(orjson.dumps(shown))

    async def study(request: web.Request) -> web.Response:
        if _find(replica.holdings, request.match_info["accession"]) is None:
            return web.Response(status=404, text=NO_PAGE, content_type="text/html")
        return web.Response(text="<!DOCTYPE html><html><body>A study</body></html>", content_type="text/html")

    yield web.get("/webclient/api/annotations/", annotations)
    yield web.get("/gallery-api/thumbnails/", thumbnails)
    yield web.get("/study/{accession}/", study)


def _github(replica: Replica) -> Iterator[web.RouteDef]:
    async def table(request: web.Request) -> web.Response:
        part = TABLES.get(request.match_info["name"])
        if part is None or not _is_github(request):
            return _not_found()
        columns = bundled_table(request.match_info["name"])[0]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, delimiter="\t", quoting=csv.QUOTE_NONE, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(take_apart(replica).rows[part])
        return web.Response(text=text.getvalue(), content_type="text/plain")

    async def study_file(request: web.Request) -> web.Response:
        folder, name = request.match_info["folder"], request.match_info["file"]
        held = _find(replica.holdings, name.removesuffix("-study.txt"))
        study = held.json() if held and _is_github(request) else {}
        if not study.get("study_txt"):
            return _not_found()
        whole = study["containers"][0]["Name"].partition("/")[0]
        is_old = b"github.com/IDR/idr-metadata/" in (held.body if held else b"")
        wanted = f"idr-metadata/HEAD/{whole}" if is_old else f"{whole}/HEAD"
        return web.Response(text=study["study_txt"]) if folder == wanted else _not_found()

    yield web.get("/IDR/idr.openmicroscopy.org/master/_data/{name}", table)
    yield web.get("/IDR/{folder:.+}/{file}", study_file)


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the paths of both hosts."""
    return [*_omero(replica), *_gallery(replica), *_github(replica)]


def _is_github(request: web.Request) -> bool:
    """Tell whether a path of GitHub was asked of GitHub; a person with a browser names no host."""
    return request.headers.get("X-Forwarded-Host", GITHUB) == GITHUB


def _not_found() -> web.Response:
    return web.Response(status=404, text="404: Not Found")


def _others(key: str) -> list[Raw]:
    """Find what else is attached to a bundled container: tables of results, lists of components."""
    kind, _, id_ = key.partition("-")
    parent = {"class": f"{kind.title()}I", "id": id_}
    return [
        each
        for each in bundled_json("idr/annotations.json")
        if each["ns"] != STUDY_NS
        and {"class": each["link"]["parent"]["class"], "id": str(each["link"]["parent"]["id"])} == parent
    ]


def _find(holdings: Holdings, accession: str) -> Holding | None:
    if not isinstance(holdings, Generated):
        return holdings.get(accession)
    number = accession.removeprefix("idr")
    return holdings[int(number)] if number.isdigit() and int(number) < len(holdings) else None
