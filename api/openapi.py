"""The API described by itself: OpenAPI 3.1 from the route table, the filters and the record's model."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias, get_args

import orjson
from aiohttp import web

from api import counted, openapi_admin, pages
from api.described import whole_results
from api.families import FAMILY
from api.openapi_help import described
from config import VERSION
from index.changes import Event
from index.choices import CHOICES, FIELDS
from index.compare import KINDS
from index.engines import COLLAPSES, HISTOGRAMS, SORTS, TOMBSTONES
from index.entry import FACETS, HAS
from index.loosen import MATCHES
from index.moments import FORMS
from index.query.fields import IS
from index.record import Record
from index.search import FACET_MODES, LARGEST_PAGE

Node: TypeAlias = dict[str, Any]  # JSON

FILTER_MEANINGS = {
    "source": "Name of a repository, such as idr",
    "kind": "DataCite resourceTypeGeneral, such as Dataset",
    "organism": "Name or NCBITaxon id: mouse, Mus musculus, NCBITaxon:10090",
    "imaging_method": "Name or FBbi id: light sheet, SPIM, FBbi:00000369",
    "license": "SPDX id or name: CC-BY-4.0, CC BY 4.0",
    "access": "open, embargoed, restricted, closed, metadata-only or unknown",
    "funder": "Name, ROR id or Crossref Funder id",
    "format": "File format, such as czi or ome.zarr",
    "keyword": "Keyword or subject",
    "affiliation": "Name or ROR id",
    "creator": "Name as given, or ORCID iD",
    "year": "Year of publication: 2021, 2019..2022, 2019..",
    "bytes": "Size of the data: 1GB.., 500MB..2TB, ..100kB",
    "published": "Day of publication: 2021-02.., 2021-02-15..2021-03; 2021 alone may be any of its days",
    "updated": "Day of the last change at the repository, like published",
    "is": f"How it is: {', '.join(IS)}",
    "missing": f"Nothing is stated of a field: {', '.join(FIELDS)}",
    "has": f"Something is stated: {', '.join(HAS)}",
}


def _parameter(name: str, what: str, where: str = "query", **schema: object) -> Node:
    return {
        "name": name,
        "in": where,
        "description": what,
        "required": where == "path",
        "schema": {"type": "string", **schema},
    }


def _filters() -> list[Node]:
    repeated: Node = {"type": "array", "items": {"type": "string"}}
    found = []
    for name in CHOICES:
        found.append(_parameter(name, f"{FILTER_MEANINGS[name]}. Repeat it for OR", **repeated))
        found.append(_parameter(f"-{name}", f"Exclude by {name}", **repeated))
    return found


def _operation(
    id_: str,
    summary: str,
    parameters: list[Node],
    answer: Node,
    *,
    example: str,
    errors: tuple[int, ...] = (),
) -> Node:
    titles = {
        400: "Bad query",
        404: "Not found",
        406: "Not offered",
        410: "Gone",
        412: "Another result",
        503: "Busy",
    }
    problems = {
        str(status): {
            "description": titles[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in errors
    }
    content = {"200": {"description": "Answer", "content": answer}}
    return {
        "get": {
            "operationId": id_,
            "summary": summary,
            "parameters": parameters,
            "responses": content | problems,
            "x-example": example,
        }
    }


def _json(schema: Node) -> Node:
    return {"application/json": {"schema": schema}}


_RECORD_ID = _parameter("id", "Id of a record, such as idr:idr0002; a DOI or accession is redirected", "path")


@cache
def spec() -> Node:
    """Describe every address of the API."""
    candidates = [
        _parameter(
            "q", 'Words, "phrases", OR, -word, word*, word~, field:value, an identifier; see /help/search'
        ),
        *_filters(),
        _parameter("withdrawn", "Tombstones: left out (the default), too, or only", enum=list(TOMBSTONES)),
        _parameter("as_of", f"What was held then: {FORMS}"),
        _parameter("expand", "Also look for other names: yes (the default), no", enum=["yes", "no"]),
        _parameter("match", "All words (the default), all but one of 3 to 12, or any", enum=list(MATCHES)),
        _parameter(
            "collapse", "What is one hit: a family, the versions of one thing (the default), or each record",
            enum=list(COLLAPSES),
        ),
        _parameter(
            "facet_mode", "Count a facet without its own filter (the default), or with it",
            enum=list(FACET_MODES),
        ),
    ]  # fmt: skip
    search = [
        *candidates,
        _parameter("histograms", f"Bars to count: all, {', '.join(HISTOGRAMS)}"),
        _parameter("facets", f"Fields to count, comma-separated or repeated: all, {', '.join(FACETS)}"),
        _parameter("facet_size", "Values per facet, 1 to 100"),
        _parameter("sort", "Order; relevance when there are words, else newest", enum=list(SORTS)),
        _parameter("size", f"Records per page, 0 to {LARGEST_PAGE}; more is refused"),
        _parameter("cursor", "`next` of the answer before; whatever decides what is found must stay"),
    ]
    name = _parameter("name", "Name of a source", "path")
    anything: Node = {"type": "object"}
    did = _parameter("did", "Number of a document, as the list names it", "path")
    paths = {
        "/api/v1/search": _operation(
            "search", "Search every repository at once", search,
            _json({"$ref": "#/components/schemas/Answer"}),
            example="/api/v1/search?q=light+sheet&facets=source,organism", errors=(400, 410, 503),
        ),
        "/api/v1/facets/{name}": _operation(
            "facet", "Every value of a facet among what is found, most frequent first, page by page",
            [
                _parameter("name", "Name of a facet", "path", enum=list(FACETS)), *candidates,
                _parameter("facet_prefix", "Values whose names begin so"),
                _parameter("facet_parent", "Of a hierarchy: what stands directly below this value, or top"),
                _parameter("size", "Values per page, 1 to 1000"),
                _parameter("cursor", "`next` of the answer before; it lasts as long as the node's store"),
            ],
            _json({"$ref": "#/components/schemas/FacetPage"}),
            example="/api/v1/facets/organism?q=light&facet_parent=top", errors=(400, 410, 503),
        ),
        "/api/v1/records/{id}": _operation(
            "record", "One record; 410 with the last copy when the upstream withdrew it", [_RECORD_ID],
            _json({"$ref": "#/components/schemas/Record"}), example="/api/v1/records/idr:idr0002",
            errors=(404, 410),
        ),
        "/api/v1/records/{id}/raw": _operation(
            "raw", "The upstream's own document, as it came but for e-mail addresses", [_RECORD_ID],
            {"*/*": {"schema": {}}}, example="/api/v1/records/idr:idr0002/raw", errors=(404,),
        ),
        "/api/v1/records/{id}/family": _operation(
            "family", "Versions and copies of a record, why they belong together, and which is the newest",
            [_RECORD_ID], _json(FAMILY), example="/api/v1/records/idr:idr0002/family", errors=(404,),
        ),
        "/records/{id}/family": _operation(
            "family_page", "The same as a page", [_RECORD_ID], {"text/html": {"schema": {}}},
            example="/records/idr:idr0002/family", errors=(404,),
        ),
        "/records/{id}": _operation(
            "landing", "The record's page: HTML, JSON, schema.org JSON-LD, DCAT in Turtle or RDF/XML",
            [_RECORD_ID, _parameter("format", "html, json, jsonld, turtle or rdf; else the Accept header")],
            {kind: {"schema": {}} for kind in ("text/html", "application/ld+json", "text/turtle")},
            example="/records/idr:idr0002?format=turtle", errors=(404, 406, 410),
        ),
        "/api/v1/sources": _operation(
            "sources", "What we hold of each repository, and how fresh it is", [], _json(anything),
            example="/api/v1/sources",
        ),
        "/api/v1/sources/{name}": _operation(
            "source", "One source with its last runs", [name], _json(anything),
            example="/api/v1/sources/idr", errors=(404,),
        ),
        "/api/v1/sources/{name}/runs": _operation(
            "runs", "The last runs of a source and what they noticed", [name], _json(anything),
            example="/api/v1/sources/idr/runs", errors=(404,),
        ),
        "/api/v1/sources/{name}/loss": _operation(
            "loss", "What becomes of each field of a source's documents: mapped, left out, unknown; and why",
            [name], _json(anything), example="/api/v1/sources/idr/loss", errors=(404,),
        ),
        "/api/v1/quarantine": _operation(
            "quarantine", "Documents that could not be read, with their reasons counted",
            [
                _parameter("source", "Name of a repository"), _parameter("reason", "Part of the reason"),
                _parameter("size", "Documents per page, 1 to 200"),
                _parameter("after", "`next` of the answer before"),
            ],
            _json(anything), example="/api/v1/quarantine?source=idr", errors=(400,),
        ),
        "/api/v1/quarantine/{did}": _operation(
            "quarantined", "One document in quarantine: why, when, and its text without e-mail addresses",
            [did], _json(anything), example="/api/v1/quarantine/9", errors=(404,),
        ),
        "/metrics": _operation(
            "metrics", "Figures for Prometheus, in its text format or OpenMetrics", [],
            {"text/plain": {"schema": {"type": "string"}}}, example="/metrics",
        ),
        "/healthz": _operation(
            "healthz", "Whether the process lives", [], _json(anything), example="/healthz"
        ),
        "/readyz": _operation(
            "readyz", "Whether it can answer, how far the index is behind, and what is wrong if anything", [],
            _json(anything), example="/readyz", errors=(503,),
        ),
        **_past(),
        **described(_operation, _parameter, _filters()),
        **whole_results(_operation, _parameter, search),
        **openapi_admin.described(_operation, _parameter),
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headwater API",
            "version": VERSION,
            "description": "Research data of many repositories, in one normalized record, searched at once. "
            "Errors are problem+json (RFC 9457) with a sentence that says what to do.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _past() -> dict[str, Node]:
    """Describe the addresses that tell of the past."""
    since = _parameter("since", "A revision; only what came after it. `next` of the answer before, or 0")
    source = _parameter("source", "Of this repository only")
    feed = [
        since, _parameter("before", "A revision; only what came before it"),
        _parameter("size", "Entries per page, 1 to 200"),
    ]  # fmt: skip
    return {
        "/api/v1/records/{id}/history": _operation(
            "history", "Every version of a record, when it stood, and its difference to the one before",
            [_RECORD_ID, since, _parameter("size", "Versions per page, 1 to 500")],
            _json({"$ref": "#/components/schemas/History"}),
            example="/api/v1/records/idr:idr0002/history", errors=(400, 404),
        ),
        "/api/v1/changes": _operation(
            "changes", "Every change since a revision, in order; none twice, none left out, whoever writes",
            [since, _parameter("size", "Changes per page, 1 to 1000"), source],
            _json({"$ref": "#/components/schemas/Changes"}),
            example="/api/v1/changes?since=0&size=10", errors=(400,),
        ),
        "/api/v1/diff": _operation(
            "diff", "What appeared, changed and vanished between two moments, by source; counts are exact",
            [
                _parameter("from", FORMS), _parameter("to", f"{FORMS}; now, if it is left out"), source,
                _parameter("size", "Records to list, 0 to 1000"),
                _parameter("after", "`next` of the answer before; give from and to as revisions then"),
            ],
            _json({"$ref": "#/components/schemas/Difference"}),
            example="/api/v1/diff?from=0", errors=(400,),
        ),
        "/feeds/withdrawn.atom": _operation(
            "withdrawn_atom", "What repositories took back, the latest first, as an Atom feed", feed,
            {"application/atom+xml": {"schema": {"type": "string"}}},
            example="/feeds/withdrawn.atom", errors=(400,),
        ),
        "/feeds/withdrawn.json": _operation(
            "withdrawn_json", "The same as a JSON Feed", feed,
            {"application/feed+json": {"schema": {"type": "object"}}},
            example="/feeds/withdrawn.json?size=10", errors=(400,),
        ),
    }  # fmt: skip


def _object(**properties: Node) -> Node:
    return {"type": "object", "required": list(properties), "properties": properties}


def _schemas_of_the_past() -> dict[str, Node]:
    count: Node = {"type": "integer"}
    number: Node = {"type": ["integer", "null"]}
    text: Node = {"type": "string"}
    time: Node = {"type": ["string", "null"], "format": "date-time"}
    event: Node = {"enum": list(get_args(Event))}
    moment = _object(asked=text, revision=count, at=time)
    counted = _object(**dict.fromkeys(KINDS, count))
    edit: Node = {
        "type": "object",
        "description": "An operation of JSON Patch (RFC 6902), with what was there before",
        "required": ["op", "path"],
        "properties": {"op": {"enum": ["add", "remove", "replace"]}, "path": text, "old": {}, "new": {}},
    }
    version = _object(
        revision=count, to_revision=number, at=time, until=time, event=event,
        origin={"enum": ["live", "replica"]}, diff={"type": "array", "items": edit},
    )  # fmt: skip
    change = _object(revision=count, at=time, event=event, id=text, source=text)
    differs = _object(
        id=text, source=text, difference={"enum": list(KINDS)}, title={"type": ["string", "null"]},
        fields={"type": "array", "items": text},
    )  # fmt: skip
    return {
        "Moment": moment,
        "History": _object(
            id=text, state={"enum": ["current", "withdrawn"]}, total=count,
            versions={"type": "array", "items": version}, next=number,
        ),
        "Changes": _object(
            since=count, changes={"type": "array", "items": change}, next=count, more={"type": "boolean"},
            revision=count,
        ),
        "Difference": {
            **_object(
                total=counted, sources={"type": "object", "additionalProperties": counted},
                records={"type": "array", "items": differs}, next=number, to=moment,
                **{"from": moment},
            ),
        },
    }  # fmt: skip


def _place_schema() -> Node:
    return {
        "message": {"type": "string"},
        "position": {"type": "integer", "description": "Where in q it is, in characters from 0"},
        "length": {"type": "integer", "description": "How many characters are meant"},
    }


def _query_schema() -> Node:
    note = {"type": "object", "properties": _place_schema()}
    return {
        "type": "object",
        "description": "How the words were read, in one form, and what may have been meant otherwise",
        "properties": {"understood": {"type": "string"}, "notes": {"type": "array", "items": note}},
    }


def _schemas() -> Node:
    record = Record.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = record.pop("$defs", {})
    count: Node = {"type": "integer"}
    hit = {
        **record,
        "properties": {
            **record["properties"],
            "score": {"type": ["number", "null"]},
            "snippets": {"type": "object", "additionalProperties": {"type": "string"}},
            "origin": {"enum": ["live", "replica"]},
            "revision": {**count, "description": "The revision at which this version began"},
            "to_revision": {"type": ["integer", "null"], "description": "Where it ended; null if it stands"},
            "members": {
                "type": ["integer", "null"],
                "description": "Records of its group that match; null where each record is a hit",
            },
        },
    }
    answer = {
        "type": "object",
        "required": [
            "total",
            "hits",
            "facets",
            "histograms",
            "partial",
            "searched",
            "next",
            "took_ms",
            "snapshot",
            "as_of",
            "query",
            "expanded",
            "sources",
            "warnings",
            "did_you_mean",
            "why_empty",
        ],
        "properties": {
            "total": {**count, "description": "Hits, exactly: groups with a record that matches"},
            "hits": {"type": "array", "items": {"$ref": "#/components/schemas/Hit"}},
            "facets": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Facet"}},
            "histograms": {
                "type": "object",
                "additionalProperties": {"$ref": "#/components/schemas/Histogram"},
            },
            "partial": {
                "type": "boolean",
                "description": "Time ran out before everything was counted, or even searched; a warning says "
                "what is left out",
            },
            "searched": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["shards", "of"],
                        "properties": {"shards": count, "of": count},
                    },
                    {"type": "null"},
                ],
                "description": "Time ran out before all shards of the index were begun: hits and total are "
                "of so many of them, every record is a hit, no facet is counted, there is no next page",
            },
            "next": {"type": ["string", "null"], "description": "Cursor of the next page"},
            "took_ms": {"type": "number"},
            "snapshot": {**count, "description": "Revision of the catalogue that was searched"},
            "expanded": {
                "type": "array",
                "description": "What was looked for besides the words, and why; `expand=no` leaves it",
                "items": {
                    "type": "object",
                    "required": ["word", "as", "because"],
                    "properties": {
                        "word": {"type": "string"},
                        "as": {"type": "array", "items": {"type": "string"}},
                        "because": {"type": "string"},
                    },
                },
            },
            "as_of": {"oneOf": [{"$ref": "#/components/schemas/Moment"}, {"type": "null"}]},
            "query": _query_schema(),
            "sources": {"type": "object", "description": "Freshness and completeness of each source"},
            "warnings": {"type": "array", "items": {"type": "string"}},
            "did_you_mean": {
                "type": ["object", "null"],
                "description": "Where little was found: the spelling that was meant, and how many it finds",
            },
            "why_empty": {
                "type": ["object", "null"],
                "description": "Where nothing was found: which part is to blame, and counts without each",
            },
        },
    }
    problem = {
        "type": "object",
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": count,
            "detail": {"type": "string"}, "instance": {"type": "string"},
            **_place_schema(), "hint": {"type": ["string", "null"], "description": "What to write instead"},
        },
    }  # fmt: skip
    named = {"Record": record, "Hit": hit, "Answer": answer, "Problem": problem}
    return {**parts, **named, **counted.SCHEMAS, **_schemas_of_the_past()}


async def openapi(_request: web.Request) -> web.Response:
    """Answer the description for machines."""
    return web.Response(body=orjson.dumps(spec()), content_type="application/json")


async def docs(request: web.Request) -> web.Response:
    """Answer the description for people."""
    return pages.docs(request, spec())
