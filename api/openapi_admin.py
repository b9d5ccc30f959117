"""The part of the API's description that tells of operating the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from api.acting import ACTIONS
from index.actions import Action

Node: TypeAlias = dict[str, Any]  # JSON
Operation: TypeAlias = Callable[..., Node]
Parameter: TypeAlias = Callable[..., Node]

TEXT: Node = {"type": "string"}
ACTION: Node = {
    "type": "object",
    "required": [*Action.__slots__],
    "properties": {
        "number": {"type": "integer"}, "at": TEXT, "who": TEXT,
        "where_from": {**TEXT, "description": "Address of the client, or `command line`"},
        "action": {"enum": [*ACTIONS, "login"]}, "about": TEXT, "why": TEXT,
        "outcome": {"enum": ["done", "refused", "begun", "ended"]},
        "told": {**TEXT, "description": "What came of it"},
        "begun_by": {"type": ["integer", "null"], "description": "Of what ended: the action that began it"},
    },
}  # fmt: skip


def described(operation: Operation, parameter: Parameter) -> dict[str, Node]:
    """Describe the address; how an operation and a parameter are written is the caller's."""
    rows: Node = {"type": "object", "properties": {"actions": {"type": "array", "items": ACTION}}}
    log = operation(
        "listActions", "What operators did by hand, the newest first; needs the node's token",
        [parameter("before", "Only those with a lower number")], {"application/json": {"schema": rows}},
        example="", errors=(400, 404),
    )["get"]  # fmt: skip
    done = operation(
        "act", "Run, cancel, retry, pause or resume a source, or decide on a family; needs the node's token",
        [], {"application/json": {"schema": ACTION}}, example="", errors=(400, 404),
    )["get"]  # fmt: skip
    wish: Node = {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"enum": list(ACTIONS)}, "source": TEXT, "one": TEXT, "other": TEXT,
            "number": {"type": "integer", "description": "Of the decision to undo"}, "why": TEXT,
            "kind": {"enum": ["family", "version"]},
        },
    }  # fmt: skip
    done["requestBody"] = {"required": True, "content": {"application/json": {"schema": wish}}}
    for each in (log, done):
        del each["x-example"]
        each["security"] = [{"operator": []}]
    return {"/api/v1/admin/actions": {"get": log, "post": done}}
