"""One file per kind of value: dates, identifiers, licenses, names, organisms, imaging methods, sizes, text.

Every cleaner takes what an upstream wrote, never raises, and answers a pair: the clean value or None, and
the reason when something was refused or repaired, or None. Reasons are short and the same for the same
trouble, so that they can be counted. Cleaning a clean value changes nothing.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

Value = TypeVar("Value")

Cleaned: TypeAlias = tuple[Value | None, str | None]
"""The clean value or None, and the reason when something was refused or repaired."""
