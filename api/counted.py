"""Facets and histograms as the API gives them, and how it describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from index.engines import HistogramCount
from index.search import Answer, FacetValue

Schema: TypeAlias = dict[str, Any]  # JSON

_COUNT: Schema = {"type": "integer"}
_TEXT: Schema = {"type": "string"}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


_VALUES: Schema = {
    "type": "array",
    "items": _object(
        {
            "value": {**_TEXT, "description": "What the filter of this name takes"},
            "label": _TEXT,
            "count": _COUNT,
        },
        {
            "parents": {"type": "array", "items": _TEXT, "description": "What stands directly above it"},
            "children": {**_COUNT, "description": "How many values stand directly below it"},
        },
    ),
}
_OTHER: Schema = {
    "type": ["integer", "null"],
    "description": "What the values not listed add up to; null where groups count and they are many",
}
_BAR = _object(
    {
        "low": _COUNT, "high": _COUNT, "count": _COUNT,
        "filter": {**_TEXT, "description": "What the filter of the same name takes"},
    }
)  # fmt: skip
_MOMENT: Schema = {"oneOf": [{"$ref": "#/components/schemas/Moment"}, {"type": "null"}]}

SCHEMAS: dict[str, Schema] = {
    "Facet": _object({"values": _VALUES, "missing": _COUNT, "other": _OTHER}),
    "Histogram": _object({"bars": {"type": "array", "items": _BAR}, "missing": _COUNT}),
    "FacetPage": _object(
        {
            "facet": _TEXT, "values": _VALUES, "missing": _COUNT, "next": {"type": ["string", "null"]},
            "snapshot": _COUNT, "as_of": _MOMENT,
        }
    ),
}  # fmt: skip
"""How the description of the API calls them."""


def shape_value(value: FacetValue) -> dict[str, Any]:
    """Shape a value; of a hierarchy with what stands directly above it, and how much below where counted."""
    shaped: dict[str, Any] = {"value": value.value, "label": value.label, "count": value.count}
    if value.parents:
        shaped["parents"] = list(value.parents)
    if value.children is not None:
        shaped["children"] = value.children
    return shaped


def shape_histogram(name: str, counted: HistogramCount) -> dict[str, Any]:
    """Shape a histogram; `filter` of a bar is what the parameter of the same name takes."""
    bars = [
        {"low": bar.low, "high": bar.high, "count": bar.count, "filter": span(name, bar.low, bar.high)}
        for bar in counted.bars
    ]
    return {"bars": bars, "missing": counted.missing}


def span(name: str, low: int, high: int) -> str:
    """Write the filter for what lies between two numbers."""
    return f"{low:04}" if name == "year" else f"{low}..{high}"


def too_slow(seconds: float | None, answer: Answer) -> list[str]:
    """Say what was left out for want of time."""
    if answer.searched:
        part = f"{answer.searched.shards} of {answer.searched.of} parts of the index"
        told = f"partial: only {part} searched, because {seconds or 0:g} s had passed"
        return [f"{told}; hits and total are of these, each record by itself - narrow the search"]
    if not answer.uncounted:
        return []
    left_out = f"partial: {', '.join(answer.uncounted)} not counted, because {seconds or 0:g} s had passed"
    return [f"{left_out}; all that is said is exact - ask for fewer facets at once, or narrow the search"]
