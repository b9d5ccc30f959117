"""Days as numbers that read like dates: 20210228. A partial date is the span of days it may stand for.

Rule: "2021-02" may mean any day of February 2021, so it runs from 20210201 to 20210228, and a question for a
range finds it wherever the two overlap: an archive that states only the year must not hide from who asks for
a month of it.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


def span(partial: str) -> tuple[int, int]:
    """Answer the first and the last day a partial date may stand for.

    Raises:
        ValueError: it is no date of the form 2021, 2021-02 or 2021-02-28, or there is no such day.
    """
    match = _PARTIAL.fullmatch(partial)
    if match is None:
        raise ValueError(f"no date: {partial!r}")
    year, month, day = (int(part) if part else None for part in match.groups())
    first = date(year or 0, month or 1, day or 1)
    if day:
        last = first
    elif month:
        last = first.replace(day=28) + timedelta(days=4)
        last -= timedelta(days=last.day)
    else:
        last = first.replace(month=12, day=31)
    return number(first), number(last)


def number(day: date) -> int:
    """Number a day: 20210228."""
    return day.year * 10000 + day.month * 100 + day.day


def written(day: int) -> str:
    """Write a day as ISO 8601 does."""
    return f"{day // 10000:04}-{day // 100 % 100:02}-{day % 100:02}"


def moved(day: int, by: int) -> int:
    """Answer the day so many days later; earlier for a negative number.

    Raises:
        OverflowError: the calendar ends before.
    """
    return number(date.fromisoformat(written(day)) + timedelta(days=by))
