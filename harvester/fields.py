"""An upstream document while its fields are taken out.

What a source maps, it takes out; what it leaves on purpose, it lists; the remainder is reported as
unmapped, so that a new upstream field is a counted warning and never a silent loss.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

from index.values import Cleaned, text

Value = TypeVar("Value")
Raw: TypeAlias = Any  # what JSON or XML gave; typed values come out of the cleaners

IGNORED_PLACEHOLDERS: tuple[Raw, ...] = (None, "", [], {})


class Notes:
    """Reasons for values that were refused or repaired, counted by the run and shown with an example."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def keep(self, cleaned: Cleaned[Value], raw: object = None) -> Value | None:
        """Pass a cleaned value on and remember the reason, if there is one."""
        value, reason = cleaned
        if reason is not None:
            self.found.append((reason, str(value if reason == text.REMOVED else raw)[:120]))
        return value

    def clean(self, cleaner: Callable[[Any], Cleaned[Value]], raw: Raw) -> Value | None:
        """Clean one value."""
        return None if raw is None else self.keep(cleaner(raw), raw)

    def clean_all(self, cleaner: Callable[[Any], Cleaned[Value]], raws: Iterable[Raw]) -> tuple[Value, ...]:
        """Clean several values; drop the empty ones and repetitions, keep the order."""
        values = (self.clean(cleaner, raw) for raw in raws)
        return tuple(dict.fromkeys(value for value in values if value is not None))


def unmapped(left: Raw, ignored: Container[str], path: str = "") -> Iterator[str]:
    """Yield the paths of values nobody took, such as "files[].mimetype"; nulls carry nothing.

    Args:
        left: the document after everything mapped was taken out.
        ignored: paths left on purpose; a path covers all below it.
        path: where in the document `left` stands.
    """
    if path in ignored or left in IGNORED_PLACEHOLDERS:
        return
    if isinstance(left, dict):
        for key, value in left.items():
            yield from unmapped(value, ignored, f"{path}.{key}" if path else str(key))
    elif isinstance(left, list):
        for value in left:
            yield from unmapped(value, ignored, f"{path}[]")
    else:
        yield path


def because(reason: str, *paths: str) -> dict[str, str]:
    """Say why paths are left on purpose; `unmapped` needs the paths, the table of losses the reason."""
    return dict.fromkeys(paths, reason)


def listed(raw: Raw) -> list[Raw]:
    """Answer a list whatever came: None is empty, a single value stands alone."""
    if raw is None:
        return []
    return raw if isinstance(raw, list) else [raw]


def mappings(raw: Raw) -> list[dict[str, Raw]]:
    """Answer the objects of a list; what is no object stays in it and is reported as unmapped."""
    return [entry for entry in listed(raw) if isinstance(entry, dict)]
