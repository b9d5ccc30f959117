"""/api/v1/reconcile: the Reconciliation Service API 0.2 (W3C Community Group), as OpenRefine speaks it.

A table's column of titles, DOIs or accessions is matched with records, and columns are filled from them.
Entities are records, types are kinds of records (Dataset, Image, Software ...). Browsers ask suggestions and
previews themselves, so everything here may be read from any page, and JSONP is answered where it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from api.node import NODE, Node
from api.parameters import known, number
from api.problem import Problem
from api.searchfeed import page_of
from config import VERSION
from index.entry import fold
from index.match import Asked, Match, Matched, Matcher
from index.query import BadQuery
from index.store import Kept
from index.suggest import LONGEST

MOST_QUERIES, MOST_IDS, MOST_MATCHES = 200, 1_000, 50
"""In one request; OpenRefine sends ten queries at a time and hundreds of ids."""
MOST_BYTES = 2_000_000
SUGGESTED = 20
WIDTH, HEIGHT = 420, 220

_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,63}", re.ASCII)

Values = list[dict[str, Any]]


def _texts(*values: object) -> Values:
    return [{"str": str(value)} for value in values if value not in {None, ""}]


def _ids(terms: Any) -> Values:  # noqa: ANN401  # JSON
    return _texts(*(term.get("id") or term["label"] for term in terms))


def _year(record: dict[str, Any]) -> int | None:
    published = (record.get("dates") or {}).get("published")
    return int(published[:4]) if published else None


def _ints(value: int | None) -> Values:
    return [{"int": value}] if value is not None else []


def _each(items: Any, name: str) -> Values:  # noqa: ANN401  # JSON
    return _texts(*(item.get(name) for item in items or ()))


PROPERTIES: Mapping[str, tuple[str, Callable[[dict[str, Any]], Values]]] = {
    "doi": ("DOI", lambda r: _texts(r.get("doi"))),
    "source": ("Repository", lambda r: _texts(r["source"])),
    "title": ("Title", lambda r: _texts(r.get("title"))),
    "description": ("Description", lambda r: _texts(r.get("description"))),
    "creator": ("Creators", lambda r: _each(r.get("creators"), "name")),
    "orcid": ("ORCID iDs of creators", lambda r: _each(r.get("creators"), "orcid")),
    "year": ("Year of publication", lambda r: _ints(_year(r))),
    "published": ("Published", lambda r: _texts((r.get("dates") or {}).get("published"))),
    "kind": ("Kind", lambda r: _texts(r.get("kind", "Dataset"))),
    "license": ("License", lambda r: _texts((r.get("license") or {}).get("spdx"))),
    "access": ("Access", lambda r: _texts(r.get("access"))),
    "organism": ("Organisms", lambda r: _each(r.get("organisms"), "label")),
    "organism_id": ("Organisms, as NCBITaxon ids", lambda r: _ids(r.get("organisms", ()))),
    "imaging_method": ("Imaging methods", lambda r: _each(r.get("imaging_methods"), "label")),
    "imaging_method_id": ("Imaging methods, as FBbi ids", lambda r: _ids(r.get("imaging_methods", ()))),
    "keyword": ("Keywords", lambda r: _texts(*r.get("keywords", ()))),
    "funder": ("Funders", lambda r: _each(r.get("funding"), "funder")),
    "award": ("Awards", lambda r: _each(r.get("funding"), "award")),
    "publication_doi": ("DOIs of publications", lambda r: _each(r.get("publications"), "doi")),
    "bytes": ("Bytes", lambda r: _ints((r.get("files") or {}).get("bytes"))),
    "landing": ("Page at the repository", lambda r: _texts((r.get("links") or {}).get("landing"))),
}  # fmt: skip
"""What can be asked of a record, how it is called, and how it is read off."""

HINTED = {"creator": "creator", "year": "year", "source": "source"}
"""Properties of a query that make a match surer."""


async def service(request: web.Request) -> web.Response:
    """Answer the manifest, a batch of queries, or values of records."""
    node, given = request.app[NODE], await _given(request)
    known(given, ("queries", "extend", "callback"))
    if "queries" in given:
        body: object = await node.off_loop(_batch, node, _read(given["queries"], "queries"))
    elif "extend" in given:
        body = await node.off_loop(_extended, node, _read(given["extend"], "extend"))
    else:
        body = manifest(node.base(request))
    return _answer(body, given.get("callback"))


async def suggest_entity(request: web.Request) -> web.Response:
    """Suggest records as somebody types."""
    node, prefix, size, at = request.app[NODE], *_asked(request)
    found = await node.off_loop(_entities, node, prefix, at + size)
    return _answer({"result": found[at : at + size]}, request.query.get("callback"))


async def suggest_property(request: web.Request) -> web.Response:
    """Suggest properties as somebody types."""
    prefix, size, at = _asked(request)
    named = [{"id": id_, "name": name} for id_, (name, _) in PROPERTIES.items() if _begins(prefix, id_, name)]
    return _answer({"result": named[at : at + size]}, request.query.get("callback"))


async def suggest_type(request: web.Request) -> web.Response:
    """Suggest kinds of records as somebody types."""
    node, prefix, size, at = request.app[NODE], *_asked(request)
    found = [each for each in await node.off_loop(_types, node) if _begins(prefix, each["id"], each["name"])]
    return _answer({"result": found[at : at + size]}, request.query.get("callback"))


async def propose(request: web.Request) -> web.Response:
    """Propose properties to fill columns with."""
    known(request.query, ("type", "limit", "callback"))
    size = number(request.query, "limit", default=len(PROPERTIES), low=1, high=1_000)
    listed = [{"id": id_, "name": name} for id_, (name, _) in PROPERTIES.items()][:size]
    body = {"type": request.query.get("type", "Dataset"), "limit": size, "properties": listed}
    return _answer(body, request.query.get("callback"))


async def preview(request: web.Request) -> web.Response:
    """Show a record in a small frame."""
    node = request.app[NODE]
    known(request.query, ("id",))
    kept = await node.off_loop(node.store.get, request.query.get("id", ""))
    if kept is None:
        raise Problem(
            404, "Not found", f"no record {request.query.get('id', '')!r}; give id=, as idr:idr0002"
        )
    headers = {**OPEN, "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return web.Response(text=_preview(kept, node.base(request)), content_type="text/html", headers=headers)


OPEN = {"Access-Control-Allow-Origin": "*"}


def manifest(base: str) -> dict[str, Any]:
    """Describe the service."""
    here = f"{base}/api/v1/reconcile"
    suggests = {
        name: {"service_url": here, "service_path": f"/suggest/{name}"}
        for name in ("entity", "property", "type")
    }
    return {
        "versions": ["0.2"],
        "name": "Headwater: research data",
        "identifierSpace": f"{base}/records/",
        "schemaSpace": "https://schema.datacite.org/meta/kernel-4.6/",
        "documentation": f"{base}/docs",
        "serviceVersion": VERSION,
        "defaultTypes": [{"id": "Dataset", "name": "Dataset"}],
        "view": {"url": f"{base}/records/{{{{id}}}}"},
        "preview": {"url": f"{here}/preview?id={{{{id}}}}", "width": WIDTH, "height": HEIGHT},
        "suggest": suggests,
        "extend": {
            "propose_properties": {"service_url": here, "service_path": "/properties"},
            "property_settings": [],
        },
    }  # fmt: skip


def _batch(node: Node, queries: dict[str, Any]) -> dict[str, Any]:
    if len(queries) > MOST_QUERIES:
        raise BadQuery(f"{len(queries)} queries are too many; send {MOST_QUERIES} at most at a time")
    matcher = Matcher(node.catalogue)
    return {name: {"result": _candidates(matcher, name, query)} for name, query in queries.items()}


def _candidates(matcher: Matcher, name: str, query: object) -> list[dict[str, Any]]:
    if not isinstance(query, dict):
        raise BadQuery(f"query {name!r} must be an object with query, and properties if wanted")
    size = query.get("limit", 5)
    if not isinstance(size, int) or not 1 <= size <= MOST_MATCHES:
        raise BadQuery(f"limit={size!r} of query {name!r} must be a number from 1 to {MOST_MATCHES}")
    said = _said(name, query.get("properties") or [])
    text = str(query.get("query") or said.get("doi") or said.get("title") or "")
    types = query.get("type") or []
    wanted = {fold(each) for each in ([types] if isinstance(types, str) else types)}
    hints = {ours: said[theirs] for theirs, ours in HINTED.items() if said.get(theirs)}
    found = _best(matcher, Asked(text, hints), said.get("doi"), MOST_MATCHES)
    kept = [each for each in found.matches if not wanted or fold(_kind(each.kept)) in wanted]
    is_sure = found.is_certain and (not wanted or found.matches[0] in kept)
    return [_candidate(each, is_sure=is_sure and each is found.matches[0]) for each in kept[:size]]


def _kind(kept: Kept) -> str:
    return str(kept.stored.get("kind", "Dataset"))


def _best(matcher: Matcher, asked: Asked, doi: str | None, size: int) -> Matched:
    """Match by the DOI if one is stated, else by what was asked."""
    if doi:
        by_doi = matcher.match(Asked(doi, {}), size)
        if by_doi.matches:
            return by_doi
    return matcher.match(asked, size)


def _said(name: str, properties: object) -> dict[str, str]:
    if not isinstance(properties, list):
        raise BadQuery(f"properties of query {name!r} must be a list of objects with pid and v")
    said: dict[str, str] = {}
    for each in properties:
        if not isinstance(each, dict) or "pid" not in each or "v" not in each:
            raise BadQuery(f"a property of query {name!r} must be an object with pid and v")
        values = each["v"] if isinstance(each["v"], list) else [each["v"]]
        texts = [
            str(value.get("name") or value["id"]) if isinstance(value, dict) else str(value)
            for value in values
        ]
        said[str(each["pid"])] = " ".join(texts)
    return said


def _candidate(match: Match, *, is_sure: bool) -> dict[str, Any]:
    record = match.kept.stored
    kind = _kind(match.kept)
    return {
        "id": match.kept.id,
        "name": record.get("title") or match.kept.id,
        "description": f"{match.why}; {record['source']}",
        "type": [{"id": kind, "name": kind}],
        "score": round(match.confidence * 100, 1),
        "match": is_sure,
        "features": [{"id": "confidence", "value": match.confidence}],
    }


def _extended(node: Node, asked: dict[str, Any]) -> dict[str, Any]:
    ids, wanted = asked.get("ids"), asked.get("properties")
    if not isinstance(ids, list) or not isinstance(wanted, list) or len(ids) > MOST_IDS:
        raise BadQuery(f"extend must hold ids, {MOST_IDS:,} at most, and properties: two lists")
    names = [str(each.get("id")) if isinstance(each, dict) else str(each) for each in wanted]
    for name in names:
        if name not in PROPERTIES:
            raise BadQuery(f"no property {name!r}; there are {', '.join(PROPERTIES)}")
    rows = {}
    for id_ in map(str, ids):
        kept = node.store.get(id_)
        record = kept.stored if kept else None
        rows[id_] = {name: PROPERTIES[name][1](record) if record else [] for name in names}
    return {"meta": [{"id": name, "name": PROPERTIES[name][0]} for name in names], "rows": rows}


def _entities(node: Node, prefix: str, size: int) -> list[dict[str, Any]]:
    """List records by id or title; those that are meant come before those that begin so."""
    found = {
        each.kept.id: each.kept for each in Matcher(node.catalogue).match(Asked(prefix, {}), size).matches
    }
    titles = node.helper.suggest(prefix, size, ("title",))
    for each in titles:
        kept = node.store.get(each.record or "")
        if kept is not None:
            found.setdefault(kept.id, kept)
    return [_entity(kept) for kept in found.values()][:size]


def _entity(kept: Kept) -> dict[str, Any]:
    record = kept.stored
    return {
        "id": kept.id,
        "name": record.get("title") or kept.id,
        "description": " · ".join(filter(None, (record["source"], record.get("doi")))),
        "notable": [record.get("kind", "Dataset")],
    }


def _types(node: Node) -> list[dict[str, str]]:
    snapshot = node.engine.snapshot()
    tokens = snapshot.help.popular(("kind",), 100)["kind"]
    labels = [node.catalogue.label(snapshot, "kind", token) for token, _ in tokens]
    return [{"id": label, "name": label} for label in labels]


def _preview(kept: Kept, base: str) -> str:
    record = kept.stored
    people = "; ".join(each["name"] for each in record.get("creators", ())[:5])
    facts = (record["source"], (record.get("dates") or {}).get("published"), record.get("doi"), people)
    lines = "".join(f"<p>{escape(fact)}</p>" for fact in facts if fact)
    about = escape((record.get("description") or "")[:240])
    link = escape(page_of(base, kept.id))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Preview</title>'
        '<body style="font:13px sans-serif;margin:8px">'
        f'<h1 style="font-size:15px;margin:0"><a href="{link}" target="_blank">'
        f"{escape(record.get('title') or kept.id)}</a></h1>{lines}<p>{about}</p></body></html>"
    )


async def _given(request: web.Request) -> dict[str, str]:
    """Read the parameters, of the address or of a form."""
    if request.method == "GET":
        return dict(request.query)
    body = await request.content.read(MOST_BYTES + 1)
    while len(body) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES + 1 - len(body))):
        body += more
    if len(body) > MOST_BYTES:
        raise Problem(
            413, "Too large", f"a batch is {MOST_BYTES:,} bytes at most; send fewer queries at a time"
        )
    try:
        return dict(request.query) | dict(parse_qsl(body.decode(), max_num_fields=20))
    except ValueError as error:
        raise BadQuery("the body must be a form with queries= or extend=, in UTF-8") from error


def _read(text: str, name: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadQuery(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadQuery(f"{name} must be a JSON object")
    return found


def _asked(request: web.Request) -> tuple[str, int, int]:
    """Read what a suggestion asks: the beginning, how many, and from where on."""
    known(request.query, ("prefix", "cursor", "limit", "callback"))
    prefix = request.query.get("prefix", "")
    if len(prefix) > LONGEST:
        raise BadQuery(f"prefix has {len(prefix)} characters; suggestions are for {LONGEST} at most")
    at = number(request.query, "cursor", default=0, high=200)
    return prefix, number(request.query, "limit", default=SUGGESTED, low=1, high=50), at


def _begins(prefix: str, *names: str) -> bool:
    return any(word.startswith(fold(prefix)) for name in names for word in (fold(name), *fold(name).split()))


def _answer(body: object, callback: str | None) -> web.Response:
    text = orjson.dumps(body)
    if callback is None:
        return web.Response(body=text, content_type="application/json", headers=OPEN)
    if not _CALLBACK.fullmatch(callback):
        raise BadQuery(f"callback={callback!r} is no name of a function")
    headers = {**OPEN, "X-Content-Type-Options": "nosniff"}
    return web.Response(
        body=b"/**/" + callback.encode() + b"(" + text + b");",
        content_type="text/javascript",
        headers=headers,
    )
