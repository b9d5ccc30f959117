"""The replica's REST doors: search, one record, its latest version and files, communities."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from harvester.fields import Raw
from harvester.protocols.oai_records import moment_of
from harvester.replicas import zenodo_shapes as shapes
from harvester.replicas import zenodo_xml
from harvester.replicas.holdings import Generated, Holding, Listed
from harvester.replicas.oai_lists import between
from harvester.replicas.server import Replica, json_answer

GUEST_SIZE, WINDOW = 25, 10_000
_SPAN = re.compile(r"updated:\[(\S+) TO (\S+?)[\]}]")
_ANY_OF = re.compile(r"^\((?P<any>.+)\) AND updated:")
_PART = re.compile(r"(?P<field>[a-z.]+:)?\((?P<inner>[^()]+)\)|(?P<word>[^\s()]+)")
_NEWEST_FIRST = {"newest", "mostrecent", "-oldest", "updated-desc", "bestmatch"}
_NATIVE = "application/vnd.inveniordm.v1+json"
_XML = "application/vnd.datacite.datacite+xml"
_MISSING = b'{"status": 404, "message": "The persistent identifier does not exist."}'


def is_xml(holding: Holding) -> bool:
    """Tell whether a record is held as XML."""
    return holding.body.startswith(b"<")


def native(holding: Holding) -> dict[str, Raw] | None:
    """Answer a native record; None when it is held in another shape."""
    if is_xml(holding):
        return None
    record: dict[str, Raw] = holding.json()
    return record if "pids" in record or "id" in record["metadata"].get("resource_type", {}) else None


def public(holding: Holding) -> dict[str, Raw] | None:
    """Answer a record as public JSON; None when it cannot be written so."""
    if is_xml(holding):
        return None
    known = native(holding)
    return shapes.public(known) if known and str(known["id"]).isdigit() else known or holding.json()


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the REST paths."""
    doors = _Doors(replica)
    return [
        web.get("/api/records", doors.search),
        web.get("/api/records/{id}", doors.one),
        web.get("/api/records/{id}/versions/latest", doors.latest),
        web.get("/api/records/{id}/files", doors.files),
        web.get("/api/communities/{slug}", doors.community),
    ]


class _Doors:
    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    async def search(self, request: web.Request) -> web.Response:
        asked = request.query
        size, page = int(asked.get("size", "10")), int(asked.get("page", "1"))
        if size > GUEST_SIZE:
            said = (
                f"Page size cannot be greater than {GUEST_SIZE}. Please use authenticated requests to"
                " increase the limit to 100."
            )
            return _refused([{"field": "size", "messages": [said]}])
        if size * page > WINDOW:
            return _refused([{"field": "_schema", "messages": [f"Maximum {WINDOW} results exceeded."]}])
        said = asked.get("q", "")
        keeps = self._filter(asked.get("all_versions", ""), asked.getall("communities", []), _about(said))
        low, high = between(self.replica.holdings, *_span(said))
        places: Any = range(low, high)
        if asked.get("sort", "bestmatch") in _NEWEST_FIRST:
            places = range(high - 1, low - 1, -1)
        if keeps is not None:
            places = [place for place in places if keeps(self.replica.holdings[place])]
        chosen = places[(page - 1) * size : page * size]
        written = _written(request.headers.get("Accept", ""))
        hits = [written(self.replica.holdings[place]) for place in chosen]
        body = {"hits": {"hits": hits, "total": len(places)}, "aggregations": {}, "links": {}}
        return json_answer(orjson.dumps(body))

    def _filter(
        self, all_versions: str, slugs: list[str], about: Callable[[Holding], bool]
    ) -> Callable[[Holding], bool] | None:
        """Make the filter; generated records are all latest versions and of no community."""
        if isinstance(self.replica.holdings, Generated):
            return None
        every, known = all_versions in {"1", "true", "True"}, self._slugs()
        wanted = {slug for slug in slugs if slug in known}  # an unknown one is dropped, silently

        def keeps(holding: Holding) -> bool:
            record = public(holding)
            if record is None:
                return False
            metadata = record["metadata"]
            versions = (metadata.get("relations") or {}).get("version") or [{}]
            latest = versions[-1].get("is_last", True)
            named = {each.get("id") or each.get("identifier") for each in metadata.get("communities") or ()}
            return (every or latest) and (not wanted or bool(wanted & named)) and about(holding)

        return keeps

    def _slugs(self) -> set[str]:
        held = self.replica.listed().in_order() if isinstance(self.replica.holdings, Listed) else []
        records = [record for holding in held if (record := public(holding))]
        named = [each for record in records for each in record["metadata"].get("communities") or ()]
        return {str(each.get("id") or each.get("identifier")) for each in named}

    async def one(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        holding = self._find(id_)
        if holding is None:
            return self._gone(id_)
        record, accept = native(holding), request.headers.get("Accept", "")
        if _XML in accept and record:
            return web.Response(body=zenodo_xml.datacite(record), content_type=_XML)
        if _NATIVE in accept and record:
            return web.Response(body=orjson.dumps(record), content_type=_NATIVE)
        if is_xml(holding):
            return web.Response(body=holding.body, content_type=_XML)
        return json_answer(orjson.dumps(public(holding)))

    def _find(self, id_: str) -> Holding | None:
        holding = self.replica.holdings.get(id_)
        return holding if holding is not None and holding.id == id_ else None

    def _gone(self, id_: str) -> web.Response:
        held = self.replica.holdings
        at: datetime | None = held.withdrawn.get(id_) if isinstance(held, Listed) else None
        if at is None or not isinstance(held, Listed) or id_ not in held.held:
            return json_answer(_MISSING, status=404)
        record = native(held.held[id_]) or {}
        return json_answer(shapes.tombstone(record, at.isoformat()), status=410)

    async def latest(self, request: web.Request) -> web.Response:
        holding = self._find(request.match_info["id"])
        record = native(holding) if holding else None
        if record is None:
            return json_answer(_MISSING, status=404)
        parent, newest = record["parent"]["id"], record["id"]
        if isinstance(self.replica.holdings, Listed):
            family = [each for held in self.replica.listed().in_order() if (each := native(held))]
            family = [each for each in family if each["parent"]["id"] == parent]
            newest = max(family, key=lambda each: each["versions"]["index"])["id"]
        return web.Response(status=301, headers={"Location": f"{shapes.SITE}/api/records/{newest}"})

    async def files(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        holding = self._find(id_)
        record = native(holding) if holding else None
        if record is None:
            return json_answer(_MISSING, status=404)
        entries = [file for _, file in shapes.files(record)]
        links = {"self": f"{shapes.SITE}/api/records/{id_}/files"}
        return json_answer(orjson.dumps({"enabled": True, "links": links, "entries": entries}))

    async def community(self, request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        if slug not in self._slugs():
            return json_answer(_MISSING, status=404)
        return json_answer(orjson.dumps({"id": slug, "slug": slug, "metadata": {"title": slug}}))


def _written(accept: str) -> Callable[[Holding], dict[str, Raw] | None]:
    if _NATIVE not in accept:
        return public
    return lambda holding: native(holding) or public(holding)


def _span(q: str) -> tuple[datetime | None, datetime | None]:
    match = _SPAN.search(q)
    if match is None:
        return None, None
    first, last = (None if said == "*" else moment_of(said) for said in match.groups())
    return first, last and last.replace(microsecond=999_999)


def _about(q: str) -> Callable[[Holding], bool]:
    """Read what a query wants besides a span, `(A OR field:(B OR C) OR (D AND E*)) AND updated:...`."""
    match = _ANY_OF.match(q)
    if match is None:
        return lambda _: True
    wanted = [_wanted(part) for part in _PART.finditer(match["any"]) if part["word"] != "OR"]
    return lambda holding: any(each(holding) for each in wanted)


def _wanted(part: re.Match[str]) -> Callable[[Holding], bool]:
    """Read one alternative: a field with any of some words, or words that must all be said somewhere."""
    words = (part["inner"] or part["word"]).split(" OR " if part["field"] else " AND ")
    said = [re.compile(_pattern(word), re.IGNORECASE) for word in words]
    take = _FIELDS[part["field"] or ""]
    among = any if part["field"] else all
    return lambda holding: among(each.search(take(holding)) for each in said)


def _pattern(word: str) -> str:
    beginning = rf"\b{re.escape(word.rstrip('*'))}"
    return beginning if word.endswith("*") else rf"{beginning}\b"


def _all(holding: Holding) -> str:
    return holding.body.decode()


def _extensions(holding: Holding) -> str:
    return " ".join(re.findall(r'"key":"[^"]*\.(\w+)"', _all(holding)))


def _title(holding: Holding) -> str:
    return str((public(holding) or {}).get("metadata", {}).get("title"))


def _subjects(holding: Holding) -> str:
    return " ".join((public(holding) or {}).get("metadata", {}).get("keywords") or ())


_FIELDS: dict[str, Callable[[Holding], str]] = {
    "": _all,
    "files.entries.ext:": _extensions,
    "metadata.title:": _title,
    "metadata.subjects.subject:": _subjects,
}


def _refused(errors: list[dict[str, Raw]]) -> web.Response:
    body = {"status": 400, "message": "A validation error occurred.", "errors": errors}
    return json_answer(orjson.dumps(body), status=400)
