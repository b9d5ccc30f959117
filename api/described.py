"""What the API's description says of exports and certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from api.certificate import LARGEST_LIST, NOT_ASKED, Certified
from api.formats.forms import FORMS
from index.certificate import KINDS
from index.walk import ORDERS

Node: TypeAlias = dict[str, Any]  # JSON


def whole_results(
    operation: Callable[..., Node], parameter: Callable[..., Node], search: list[Node]
) -> dict[str, Node]:
    """Describe the addresses of whole results.

    Args:
        operation: makes the description of a GET.
        parameter: makes the description of a parameter.
        search: what a search takes.
    """
    kept = [each for each in search if each["name"] not in {*NOT_ASKED, "sort"}]
    as_of = [each for each in search if each["name"] == "as_of"]
    sort = parameter(
        "sort", "Order of the rows; kept, as first kept by the node, if left out", enum=list(ORDERS)
    )
    form = parameter("format", "; ".join(f"{f.name}: {f.means}" for f in FORMS.values()), enum=list(FORMS))
    after = parameter(
        "after", "Only what follows the record with this id; needs as_of, the revision begun with"
    )
    bodies: Node = {each.media_type: {"schema": {}} for each in FORMS.values()}
    certificate = {"application/json": {"schema": {"type": "object"}}}
    asked = [*kept, *as_of, sort, form]
    listed = parameter("size", f"Differences to list, 0 to {LARGEST_LIST}; all are counted")
    rerun = _posted(
        "rerun", f"Search again what a certificate says: what {', '.join(KINDS)} since",
        Certified.model_json_schema(), certificate,
    )  # fmt: skip
    return {
        "/api/v1/export": operation(
            "export", "A whole result as a stream, from one revision; ETag, and a Link to its certificate",
            [*asked, after], bodies, example="/api/v1/export?q=light+sheet&format=csv",
            errors=(400, 412, 503),
        ),
        "/api/v1/certificate": {
            **operation(
                "certificate",
                "What makes a search reproducible: query, revision, freshness of sources, count, digests; "
                "with format= the checksum of that export too",
                asked, certificate, example="/api/v1/certificate?q=light+sheet", errors=(400, 503),
            ),
            "post": _posted("certify", "The same, parameters as a JSON object", {}, certificate),
        },
        "/api/v1/rerun": {
            "post": {**rerun, "parameters": [listed]},
        },
    }  # fmt: skip


def _posted(id_: str, summary: str, body: Node, answer: Node) -> Node:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    inner = {name: part for name, part in body.items() if name != "$defs"}
    return {
        "operationId": id_,
        "summary": summary,
        "parameters": [],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(inner, body)}}},
        "responses": {
            "200": {"description": "Answer", "content": answer},
            "400": {"description": "Bad query", "content": problem},
            "503": {"description": "Busy", "content": problem},
        },
    }


def _inlined(schema: Node, whole: Node) -> Node:
    """Put what pydantic defines apart in its place: a description has one place for shared schemas."""
    found: Node = {}
    for name, value in schema.items():
        if name == "$ref":
            found |= whole["$defs"][value.rpartition("/")[2]]
        else:
            found[name] = _inlined(value, whole) if isinstance(value, dict) else value
    return found
