"""What several indexes answer to one aggregation, put together as if one index had been asked.

Every kind that this package asks for is here; another one raises rather than comes out wrong.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Raw: TypeAlias = Any  # what Tantivy's stubs leave open

SIZE, SEGMENT_TIMES = 10, 10
"""What Tantivy takes where nothing is said: so many terms, and so many times as many of a segment."""

_TERMS = frozenset({"field", "size", "segment_size", "missing"})


def asked_of_each(asked: Mapping[str, Raw]) -> dict[str, Raw]:
    """Answer what to ask each index: of terms as many as a segment lists, so that few are cut off.

    Raises:
        ValueError: an aggregation whose answers cannot be put together here.
    """
    each: dict[str, Raw] = {}
    for name, how in asked.items():
        ((kind, of),) = how.items() if len(how) == 1 else (("several", {}),)
        if kind not in {"terms", "range", "stats"} or (kind == "terms" and not of.keys() <= _TERMS):
            message = (
                f"aggregation {name}: {sorted(how)} with {sorted(of)} cannot be asked of several indexes"
            )
            raise ValueError(message)
        each[name] = {"terms": {**of, "size": _most(of)}} if kind == "terms" else how
    return each


def merged(asked: Mapping[str, Raw], answers: Sequence[Mapping[str, Raw]]) -> dict[str, Raw]:
    """Put together what each index answered to `asked_of_each`."""
    return {name: _merged(how, [answer[name] for answer in answers]) for name, how in asked.items()}


def _merged(how: Mapping[str, Raw], answers: Sequence[Raw]) -> dict[str, Raw]:
    if "terms" in how:
        return _terms(how["terms"], answers)
    return _ranges(answers) if "range" in how else _stats(answers)


def _most(of: Mapping[str, Raw]) -> int:
    """Answer how many terms an index is asked for."""
    size = int(of.get("size", SIZE))
    return max(size, int(of.get("segment_size", size * SEGMENT_TIMES)))


def _terms(of: Mapping[str, Raw], answers: Sequence[Raw]) -> dict[str, Raw]:
    """Add up terms. What an index cut off its list counts to the error, as what a segment cut off does.

    A term that an index does not list has there at most as many documents as its last one, and as many more
    as its own counts may be too low by.
    """
    counts: Counter[Raw] = Counter()
    error = pairs = 0
    for answer in answers:
        listed = {bucket["key"]: bucket["doc_count"] for bucket in answer["buckets"]}
        counts.update(listed)
        other = int(answer["sum_other_doc_count"])
        pairs += sum(listed.values()) + other
        error += int(answer["doc_count_error_upper_bound"] or 0)
        if other and len(listed) >= _most(of):
            error += int(answer["buckets"][-1]["doc_count"])
    first = _first(counts, int(of.get("size", SIZE)))
    return {
        "buckets": [{"key": key, "doc_count": count} for key, count in first],
        "sum_other_doc_count": pairs - sum(count for _, count in first),
        "doc_count_error_upper_bound": error,
    }


def _first(counts: Mapping[Raw, int], size: int) -> list[tuple[Raw, int]]:
    """List the most frequent terms, equal ones by name; to sort all ten thousand would take longer."""
    last = heapq.nlargest(size, counts.values())[-1:]
    most = [(key, count) for key, count in counts.items() if [count] >= last]
    return sorted(most, key=lambda pair: (-pair[1], pair[0]))[:size]


def _ranges(answers: Sequence[Raw]) -> dict[str, Raw]:
    """Add up ranges; an index without documents answers none."""
    buckets: dict[str, dict[str, Raw]] = {}
    for answer in answers:
        for bucket in answer["buckets"]:
            known = buckets.setdefault(bucket["key"], {**bucket, "doc_count": 0})
            known["doc_count"] += bucket["doc_count"]
    return {"buckets": list(buckets.values())}


def _stats(answers: Sequence[Raw]) -> dict[str, Raw]:
    some = [answer for answer in answers if answer["count"]]
    count, total = sum(answer["count"] for answer in some), sum(answer["sum"] for answer in some)
    return {
        "count": count,
        "sum": total,
        "min": min((answer["min"] for answer in some), default=None),
        "max": max((answer["max"] for answer in some), default=None),
        "avg": total / count if count else None,
    }
