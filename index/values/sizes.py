"""Sizes in bytes, from numbers and from "305.5 GB".

Rule: kB, MB, GB, TB, PB are powers of 1000, as EMPIAR and SSBD mean them (SSBD writes "220.8 GB" for
220,787,007,819 bytes); KiB and its kin are powers of 1024. "1.33536E+11" is a spreadsheet's way
to write a number (IDR's table of 2020).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from index.values import Cleaned

LARGEST = 10**18
"""An exabyte. The largest archives hold some tens of petabytes; more than this is a slip of units."""

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(
    r"(\d+(?:,\d{3})*(?:\.\d+)?(?:e\+\d{1,2})?)\s*(?:([kmgtp]?)(i?)(?:b|bytes?))?", re.IGNORECASE | re.ASCII
)


def clean(raw: object) -> Cleaned[int]:
    """Read a size; 0 and nothing are None without a reason, since nobody deposits an empty set."""
    if isinstance(raw, bool) or raw is None:
        return None, None
    text = str(raw).strip() if isinstance(raw, str | int | float) else "?"
    if not text:
        return None, None
    match = _SIZE.fullmatch(text)
    if match is None:
        return None, "size: not a size"
    number, prefix, binary = match.groups()
    try:
        factor = Decimal(1024 if binary else 1000) ** _POWERS[(prefix or "").lower()]
        size = Decimal(number.replace(",", "")) * factor
    except InvalidOperation:
        return None, "size: not a size"
    if size > LARGEST:
        return None, "size: larger than an exabyte"
    return int(size.to_integral_value()) or None, None
