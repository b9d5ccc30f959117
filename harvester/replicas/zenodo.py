"""The replica of Zenodo: search and single records, the exporter's dumps, OAI-PMH.

Copied behavior: 25 records per page and 10,000 per search, refused beyond; latest versions only unless
`all_versions`; an unknown community drops its filter; 410 with a tombstone; OAI-PMH errors with status 422,
Retry-After on good answers, tokens that name a scroll. Of queries the span of `updated` is understood, and
alternatives of words and fields as the imaging scope asks for them.

A native record is written in every shape; a record found in another shape is served where that one belongs:
public JSON by the search and in the dump, XML by OAI-PMH and in the dump of XML.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from lxml import etree

from harvester.errors import BadRecord
from harvester.fields import Raw
from harvester.protocols.oai_records import moment_of, payload_of
from harvester.protocols.xml import local, parse_xml
from harvester.replicas import zenodo_dumps, zenodo_search, zenodo_xml
from harvester.replicas import zenodo_shapes as shapes
from harvester.replicas.holdings import EPOCH, Generated, Holding, Holdings, Listed, Variation, bundled_json
from harvester.replicas.oaipmh import oai_routes
from harvester.replicas.server import Limit, Replica
from harvester.source import Document

NAME = "zenodo"


def bundled() -> Listed:
    """Hold the bundled native records."""
    return Listed.of(_held(str(record["id"]), orjson.dumps(record)) for record in bundled_json("zenodo.json"))


def found(documents: Iterator[Document]) -> Listed:
    """Hold records found in a folder, each in the shape it was found in; tombstones are none."""
    kept = (_held(each.id, each.body) for each in documents if each.id and _is_record(each))
    return Listed.of(kept)


def generated(count: int, seed: int) -> Generated:
    """Make as many native records as asked for."""
    first = -(-30_000_000 // max(count, 1)) * max(count, 1)  # a multiple, so that a number tells the place

    def fill(place: int, variation: Variation) -> dict[str, str]:
        return {
            "@ID@": str(first + place),
            "@TITLE@": variation.title,
            "@TEXT@": variation.text,
            "@DATE@": f"{variation.changed:%Y-%m-%dT%H:%M:%S}.000000+00:00",
            "@DAY@": f"{variation.changed:%Y-%m-%d}",
            "@NAME@": variation.people[0],
            "@OTHER@": variation.people[1],
        }

    return Generated(
        [_template(record) for record in bundled_json("zenodo.json")], count, seed=seed, fill=fill
    )


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as answers of the upstream, for reading without a server."""
    for holding in holdings.in_order():
        yield holding.body


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give."""
    return len(holdings)


def limit() -> Limit:
    """Answer the limit of searches and of OAI-PMH: 30 a minute."""
    return Limit(30, 60, _limit_headers, '{"status": 429, "message": "30 per 1 minute"}')


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Give a record another title and stamp."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00"
    if zenodo_search.is_xml(holding):
        pattern = rb"(<(?:\w+:)?title>)[^<]*"
        said = title.encode()
        body = re.sub(pattern, lambda match: match[1] + said, holding.body, count=1)
        return Holding(holding.id, at, body)
    record = holding.json()
    record["metadata"]["title"] = title
    record["updated"] = stamp
    if "title" in record:
        record["title"] = title
    return Holding(holding.id, at, orjson.dumps(record))


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer Zenodo's paths."""
    return [
        *zenodo_search.routes(replica),
        *zenodo_dumps.routes(replica),
        *oai_routes(
            replica,
            "/oai2d",
            formats={prefix: partial(_payload, prefix) for prefix in _WRITERS},
            identifier=lambda holding: f"oai:zenodo.org:{holding.id}",
            sets=_sets,
            page_size=50,
            token_seconds=120,
            error_status=422,
            unknown_prefix="badArgument",
            rescroll=True,
            headers={"Retry-After": "53"},
            address=f"{shapes.SITE}/oai2d",
        ),
    ]


_WRITERS = {
    "oai_datacite": zenodo_xml.oai_datacite,
    "datacite": zenodo_xml.datacite,
    "oai_dc": zenodo_xml.oai_dc,
}


def _payload(prefix: str, holding: Holding) -> bytes | None:
    """Write a record in a format; one found as XML is what it is, whatever was asked for."""
    if not zenodo_search.is_xml(holding):
        native = zenodo_search.native(holding)
        return _WRITERS[prefix](native) if native else None
    root = parse_xml(holding.body)
    payload = payload_of(root) if local(root) == "record" else root
    return None if payload is None else etree.tostring(payload, encoding="utf-8", with_tail=False)


def _sets(holding: Holding) -> list[str]:
    if zenodo_search.is_xml(holding):
        return re.findall(r"<setSpec>([^<]+)</setSpec>", holding.body.decode("utf-8", "replace"))
    native = zenodo_search.native(holding)
    return zenodo_xml.sets(native) if native else []


def _held(id_: str, body: bytes) -> Holding:
    return Holding(id_, _changed(body), body)


def _changed(body: bytes) -> datetime:
    """Find when a record last changed, in whatever shape."""
    if body.startswith(b"<"):
        match = re.search(rb"<(?:\w+:)?datestamp>([^<]+)<", body) or re.search(
            rb'dateType="Updated">([^<]+)<', body
        )
        said = match[1].decode() if match else None
    else:
        record = orjson.loads(body)
        said = record.get("updated") or record.get("modified")
    return moment_of(said) or EPOCH


def _is_record(document: Document) -> bool:
    if document.body.startswith(b"<"):
        try:
            root = parse_xml(document.body)
        except BadRecord:
            return False
        return local(root) != "record" or payload_of(root) is not None
    parsed: Raw = orjson.loads(document.body) if document.body.startswith(b"{") else {}
    return isinstance(parsed.get("metadata"), dict)


def _limit_headers(limit_: int, left: int, ends: float) -> dict[str, str]:
    wait = max(1, int(ends - datetime.now(UTC).timestamp()))
    return {
        "X-RateLimit-Limit": str(limit_),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(int(ends)),
        "Retry-After": str(wait),
    }


def _template(record: dict[str, Any]) -> dict[str, Any]:
    template = copy.deepcopy(record)
    metadata = template["metadata"]
    template |= {
        "id": "@ID@",
        "created": "@DATE@",
        "updated": "@DATE@",
        "links": {"self": f"{shapes.SITE}/api/records/@ID@"},
        "pids": {"doi": {"identifier": "10.5281/zenodo.@ID@", "provider": "datacite"}},
        "versions": {"index": 1, "is_latest": True},
    }
    template["parent"] |= {"id": "1@ID@", "pids": {"doi": {"identifier": "10.5281/zenodo.1@ID@"}}}
    metadata |= {"title": "@TITLE@", "description": "<p>@TEXT@</p>", "publication_date": "@DAY@"}
    for person, name in zip(metadata.get("creators") or (), ("@NAME@", "@OTHER@"), strict=False):
        person["person_or_org"] = {"type": "personal", "name": name}
    for entry in ((template.get("files") or {}).get("entries") or {}).values():
        entry.pop("links", None)
    return template
