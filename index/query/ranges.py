"""Ranges of years, sizes and days: 2021, 2019..2022, 2019.., ..2022, >2019, >=2019, <2022, <=2022."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from index.query.nodes import BadQuery, Between
from index.values import days, sizes

_COMPARED = re.compile(r"(>=|<=|>|<)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of number: how to read one as a span from first to last, and how to step past either."""

    read: Callable[[str], tuple[int, int]]
    moved: Callable[[int, int], int]
    write: Callable[[int], str]
    limits: tuple[int, int]
    form: str
    """How to write a range, to be told to who wrote none; {} stands for "year=" or "year:"."""


def _year(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"\d{4}", text, re.ASCII):
        raise ValueError(f"{text!r} is no year")
    return int(text), int(text)


def _size(text: str) -> tuple[int, int]:
    size = 0 if text == "0" else sizes.clean(text)[0]
    if size is None:
        raise ValueError(f"{text!r} is no size")
    return size, size


def _days(text: str) -> tuple[int, int]:
    try:
        return days.span(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date") from error


_DAY_FORM = "write {0}2021-02 or {0}2021-02-15..2021-03 or {0}2021-02.."
_DAYS = Quantity(_days, days.moved, days.written, (10101, 99991231), _DAY_FORM)
QUANTITIES = {
    "year": Quantity(
        _year, int.__add__, "{:04}".format, (0, 9999), "write {0}2021 or {0}2019..2022 or {0}2019.."
    ),
    "bytes": Quantity(
        _size, int.__add__, str, (0, sizes.LARGEST), "write {0}1GB.. or {0}500MB..2TB or {0}..100kB"
    ),
    "published": _DAYS,
    "updated": _DAYS,
}


def between(field: str, text: str, form: str = "{}=") -> Between:
    """Read a number or a range.

    Args:
        field: one of `QUANTITIES`.
        text: what somebody wrote.
        form: how the field is asked for where it was written, "year=" or "year:"; for the advice.

    Raises:
        BadQuery: it is none, ends before it begins, or can hold nothing.
    """
    quantity = QUANTITIES[field]
    hint = quantity.form.format(form.format(field))
    try:
        low, high = _ends(quantity, text.strip())
    except OverflowError as error:
        raise BadQuery(f"nothing can lie in {text.strip()!r}", hint=hint) from error
    except ValueError as error:
        raise BadQuery(str(error), hint=hint) from error
    if low is not None and high is not None and low > high:
        raise BadQuery(f"the range {text.strip()!r} ends before it begins", hint=hint)
    least, most = quantity.limits
    if (low or 0) > most or (high is not None and high < least):
        raise BadQuery(f"nothing can lie in {text.strip()!r}", hint=hint)
    return Between(field, low, high)


def _ends(quantity: Quantity, text: str) -> tuple[int | None, int | None]:
    if compared := _COMPARED.fullmatch(text):
        first, last = quantity.read(compared[2])
        match compared[1]:
            case ">":
                return quantity.moved(last, 1), None
            case ">=":
                return first, None
            case "<":
                return None, quantity.moved(first, -1)
            case _:
                return None, last
    low, dots, high = (part.strip() for part in text.partition(".."))
    if not dots:
        return quantity.read(low)
    if not low and not high:
        raise ValueError("a range needs a beginning or an end")
    return (quantity.read(low)[0] if low else None), (quantity.read(high)[1] if high else None)


def write(query: Between) -> str:
    """Write a range so that `between` reads the same."""
    quantity = QUANTITIES[query.field]
    low, high = (None if end is None else quantity.write(end) for end in (query.low, query.high))
    return low if low == high and low is not None else f"{low or ''}..{high or ''}"
