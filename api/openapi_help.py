"""The part of the API's description that tells of help, of matching many rows, and of following a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from api.helping import ALL_KINDS
from api.match import MOST_BYTES, MOST_MATCHES, MOST_ROWS, NDJSON
from api.similar import LARGEST_PAGE
from index.suggest import LONGEST

Node: TypeAlias = dict[str, Any]  # JSON
Operation: TypeAlias = Callable[..., Node]
Parameter: TypeAlias = Callable[..., Node]


def described(operation: Operation, parameter: Parameter, filters: list[Node]) -> dict[str, Node]:
    """Describe the addresses; how an operation and a parameter are written is the caller's."""
    return {
        **_help(operation, parameter),
        **_reconcile(operation, parameter),
        **_following(operation, parameter, filters),
        **_subscriptions(operation, parameter),
    }


def _help(operation: Operation, parameter: Parameter) -> dict[str, Node]:
    text: Node = {"type": "string"}
    count: Node = {"type": "integer"}
    suggestion = _object(
        text=text, kind={"enum": list(ALL_KINDS)}, count=count, asks={"type": "object"},
        record={"type": ["string", "null"]}, search=text, page=text,
    )  # fmt: skip
    shared = _object(field=text, value=text, records=count)
    similar = _object(id=text, score={"type": "number"}, shared=_list(shared))
    match = operation(
        "match", f"Which records are meant by each of up to {MOST_ROWS:,} rows, why, and how sure that is",
        [parameter("size", f"Matches per row, 1 to {MOST_MATCHES}")],
        {"application/json": {"schema": {"type": "object"}}, NDJSON: {"schema": {"type": "object"}}},
        example="", errors=(400, 503),
    )["get"]  # fmt: skip
    rows = {
        "application/json": {"schema": _list({"type": ["string", "object"]})},
        "text/csv": {"schema": text},
    }
    what = f"DOIs, accessions, ORCID iDs, addresses, titles; {MOST_BYTES:,} bytes at most"
    match |= {"requestBody": {"required": True, "description": what, "content": rows}}
    del match["x-example"]
    id_ = parameter("id", "Id of a record, such as idr:idr0002", "path")
    return {
        "/api/v1/suggest": operation(
            "suggest", "Values, titles and words to ask for as somebody types, each with how many it finds",
            [
                parameter("q", f"What was typed, {LONGEST} characters at most"),
                parameter("size", "How many, 1 to 50"),
                parameter("kind", "Of these kinds only; repeat it for several", enum=list(ALL_KINDS)),
            ],
            _json(_object(suggestions=_list(suggestion))), example="/api/v1/suggest?q=micro", errors=(400,),
        ),
        "/api/v1/records/{id}/similar": operation(
            "similar", "The records that share the rarest terms with one, and what they share",
            [id_, parameter("size", f"How many, 1 to {LARGEST_PAGE}")],
            _json(_object(id=text, similar=_list(similar))),
            example="/api/v1/records/idr:idr0002/similar", errors=(400, 404),
        ),
        "/api/v1/match": {"post": match},
    }  # fmt: skip


def _reconcile(operation: Operation, parameter: Parameter) -> dict[str, Node]:
    here = "/api/v1/reconcile"
    jsonp = parameter("callback", "Name of a function: the answer is JSONP")
    suggest = [
        parameter("prefix", "What was typed"), parameter("cursor", "Skip so many"),
        parameter("limit", "How many, 1 to 50"), jsonp,
    ]  # fmt: skip
    anything = _json({"type": "object"})
    batch = operation(
        "reconcile",
        "Reconciliation Service API 0.2 for OpenRefine: the manifest, or a batch of queries, or values",
        [
            parameter("queries", "JSON object of queries"), parameter("extend", "JSON: ids and properties"),
            jsonp,
        ],
        anything, example=here, errors=(400, 503),
    )["get"]  # fmt: skip
    posted = {name: value for name, value in batch.items() if name not in {"parameters", "x-example"}}
    form = {
        "type": "object", "properties": {"queries": {"type": "string"}, "extend": {"type": "string"}},
    }  # fmt: skip
    posted |= {
        "operationId": "reconcile_form",
        "parameters": [],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}},
    }
    return {
        here: {"get": batch, "post": posted},
        **{
            f"{here}/suggest/{what}": operation(
                f"reconcile_{what}", f"Suggest {named} as somebody types, for OpenRefine", suggest, anything,
                example=f"{here}/suggest/{what}?prefix=a", errors=(400,),
            )
            for what, named in (("entity", "records"), ("property", "properties"), ("type", "kinds"))
        },
        f"{here}/properties": operation(
            "reconcile_properties", "Properties that columns can be filled with, for OpenRefine",
            [parameter("type", "Kind of records"), parameter("limit", "How many"), jsonp],
            anything, example=f"{here}/properties", errors=(400,),
        ),
        f"{here}/preview": operation(
            "reconcile_preview", "A record in a small frame, for OpenRefine",
            [parameter("id", "Id of a record")],
            {"text/html": {"schema": {"type": "string"}}}, example=f"{here}/preview?id=idr:idr0002",
            errors=(404,),
        ),
    }  # fmt: skip


def _following(operation: Operation, parameter: Parameter, filters: list[Node]) -> dict[str, Node]:
    asked = [
        parameter("q", "Words, as in a search"), *filters,
        parameter("match", "Words that must match: all (the default), most or any"),
        parameter("withdrawn", "Tombstones: exclude (the default), include or only"),
        parameter("before", "A revision; only what changed before it"),
        parameter("size", "Entries per page, 1 to 200"),
    ]  # fmt: skip
    return {
        "/feeds/search.atom": operation(
            "search_atom", "Any search as an Atom feed: what changed last comes first", asked,
            {"application/atom+xml": {"schema": {"type": "string"}}},
            example="/feeds/search.atom?q=light+sheet", errors=(400,),
        ),
        "/feeds/search.json": operation(
            "search_feed", "The same as a JSON Feed", asked,
            {"application/feed+json": {"schema": {"type": "object"}}},
            example="/feeds/search.json?q=light+sheet&size=10", errors=(400,),
        ),
    }  # fmt: skip


def _subscriptions(operation: Operation, parameter: Parameter) -> dict[str, Node]:
    text: Node = {"type": "string"}
    about = _json(_object(id=text, state={"enum": ["waiting", "active", "ended", "refused", "lost"]}))
    token = parameter("token", "As it was answered to whoever subscribed", "path")
    shown = operation(
        "subscription", "How it stands with a subscription", [token], about, example="", errors=(404,)
    )
    ended = operation("unsubscribe", "End a subscription", [token], about, example="", errors=(404,))
    made = operation(
        "subscribe",
        "Be told by signed webhook of what is new for a search; the address is asked first whether it agrees",
        [], about, example="", errors=(400, 404, 503),
    )  # fmt: skip
    for each in (shown, ended, made):
        del each["get"]["x-example"]
    answers = made["get"]["responses"]
    answers |= {"201": {"description": "Active", "content": about}, "202": {"description": "To be confirmed"}}
    del answers["200"]
    body = {
        "type": "object", "required": ["query", "url"],
        "properties": {"query": text, "url": text, "secret": text},
    }  # fmt: skip
    posted = {**made["get"], "requestBody": {"required": True, "content": _json(body)}}
    return {
        "/api/v1/subscriptions": {"post": posted},
        "/api/v1/subscriptions/{token}": {"get": shown["get"], "delete": ended["get"]},
    }


def _object(**properties: Node) -> Node:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: Node) -> Node:
    return {"type": "array", "items": of}


def _json(schema: Node) -> Node:
    return {"application/json": {"schema": schema}}
