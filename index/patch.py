"""What is different between two JSON documents, as a list of edits one can read and apply.

The edits are those of JSON Patch (RFC 6902) with the paths of JSON Pointer (RFC 6901), and each says what
was there before. They are applied in their order. Lists are compared element by element, so that one more
creator is one edit and not a new list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, TypeAlias

import orjson

from index.record import Json

Value: TypeAlias = Any  # JSON of any kind

MATCHED = 250_000
"""Pairs of list elements that are worth matching (a tenth of a second); longer lists are told by place."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference."""

    op: Literal["add", "remove", "replace"]
    path: str
    old: Value = None
    new: Value = None

    def shown(self) -> Json:
        """Answer the edit as JSON: what was there, unless it was added; what is, unless it was removed."""
        before = {} if self.op == "add" else {"old": self.old}
        after = {} if self.op == "remove" else {"new": self.new}
        return {"op": self.op, "path": self.path, **before, **after}


def diff(old: Value, new: Value) -> tuple[Edit, ...]:
    """List the edits that turn one document into the other; none when they are the same."""
    return tuple(_edits("", old, new))


def _edits(path: str, old: Value, new: Value) -> Iterator[Edit]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(path, old, new)
    elif _print(old) != _print(new):
        yield Edit("replace", path, old, new)


def _of_objects(path: str, old: Json, new: Json) -> Iterator[Edit]:
    for name, value in old.items():
        place = f"{path}/{_escaped(name)}"
        if name in new:
            yield from _edits(place, value, new[name])
        else:
            yield Edit("remove", place, old=value)
    for name, value in new.items():
        if name not in old:
            yield Edit("add", f"{path}/{_escaped(name)}", new=value)


def _of_lists(path: str, old: Sequence[Value], new: Sequence[Value]) -> Iterator[Edit]:
    """Compare lists from their ends: what is edited first does not move what is edited next."""
    for begin, end, new_begin, new_end in reversed(_spans([*map(_print, old)], [*map(_print, new)])):
        both = min(end - begin, new_end - new_begin)
        for at in reversed(range(begin + both, end)):
            yield Edit("remove", f"{path}/{at}", old=old[at])
        for further, at in enumerate(range(new_begin + both, new_end)):
            yield Edit("add", f"{path}/{begin + both + further}", new=new[at])
        for n in range(both):
            yield from _edits(f"{path}/{begin + n}", old[begin + n], new[new_begin + n])


def _spans(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int, int, int]]:
    """List the spans in which two lists differ."""
    if len(old) * len(new) > MATCHED:
        return [(0, len(old), 0, len(new))]
    matches = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(a, b, c, d) for kind, a, b, c, d in matches if kind != "equal"]


def _print(value: Value) -> bytes:
    """Write a value in one way only: for Python, but not for JSON, 1 is True and 1.0."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
