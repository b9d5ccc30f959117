"""Reading a request's parameters: what cannot be is refused with a sentence, never clamped or left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from index.query import BadQuery

Value = TypeVar("Value", bound=str)

LARGEST = 1 << 62
"""Beyond what SQLite can hold a number would not be compared but fail."""


def known(query: Iterable[str], names: tuple[str, ...]) -> None:
    """Refuse a parameter there is not; a misspelled one would be answered as if it were not there."""
    for name in query:
        if name not in names:
            raise BadQuery(f"no parameter named {name!r}; there are {', '.join(names)}")


def number(query: Mapping[str, str], name: str, *, default: int, low: int = 0, high: int = LARGEST) -> int:
    """Read a number; out of range is refused: a rival's pager read the same page for ever."""
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not low <= int(text) <= high:
        range_ = f"from {low} to {high}" if high < LARGEST else f"of {low} or more"
        raise BadQuery(f"{name}={text!r} must be a number {range_}")
    return int(text)


def choice(query: Mapping[str, str], name: str, there_are: tuple[Value, ...]) -> Value | None:
    """Read one of some words; nothing, or the empty field of a form, is None."""
    text = query.get(name)
    if not text:
        return None
    for one in there_are:
        if one == text:
            return one
    raise BadQuery(f"{name}={text!r} is unknown; there are {', '.join(there_are)}")
