"""Dates that say no more than the upstream said: "2021-02" stays "2021-02".

Rule: ISO 8601 calendar dates, cut where the upstream stopped; times become UTC to the second. A range
(RKMS-ISO8601, DataCite 4.6 appendix) keeps its start. Years before 1900 and after next year are refused:
one rival shows data sets of 1753 and of 2055.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from index.values import Cleaned

EARLIEST_YEAR = 1900
LATEST_EMBARGO_YEAR = 2199

_ISO = re.compile(
    r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)?)?"
)
_WORDS = re.compile(r"(?:\d{1,2}:\d{2}, )?([A-Z][a-z]{2})[a-z]* (\d{1,2}), (\d{4})")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


_OFFSETS: dict[str | None, str] = {None: "+00:00", "Z": "+00:00"}


def clean(raw: object, *, embargo: bool = False, today: date | None = None) -> Cleaned[str]:
    """Read a date or time as far as it goes.

    Args:
        raw: what the upstream wrote; "", None and "none" are nothing, without a reason.
        embargo: the date may lie in the future, as the end of an embargo does.
        today: the day against which "the future" is judged; the clock's by default.

    Returns:
        "2021", "2021-02", "2021-02-03" or "2021-02-03T10:00:00Z", and the reason.
    """
    text = str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    if not text or text.lower() in {"none", "null", "n/a", "unknown"}:
        return None, None
    start, slash, _end = text.partition("/")
    is_range = bool(slash) and not re.fullmatch(r"\d{4}/\d{1,2}(/\d{1,2}.*)?", text)
    match = _ISO.fullmatch(start if is_range else text)
    parts = match.groups() if match else _spelled_out(text)
    if parts is None:
        return None, "date: not a date"
    value = _compose(parts)
    if value is None:
        return None, "date: no such day"
    latest = LATEST_EMBARGO_YEAR if embargo else (today or datetime.now(UTC).date()).year + 1
    if not EARLIEST_YEAR <= int(value[:4]) <= latest:
        return None, "date: year out of range"
    return value, "date: range cut to its start" if is_range else None


def day(raw: object, *, embargo: bool = False, today: date | None = None) -> Cleaned[str]:
    """Read a date and drop the time of day."""
    value, reason = clean(raw, embargo=embargo, today=today)
    return (value[:10] if value else None), reason


def _spelled_out(text: str) -> tuple[str | None, ...] | None:
    """Read "15:08, Apr 24, 2015", the form of Figshare's API v1 (seen in a mirror of 2015)."""
    match = _WORDS.fullmatch(text)
    if match is None or match[1] not in _MONTHS:
        return None
    return match[3], str(_MONTHS.index(match[1]) + 1), match[2], None, None, None, None


def _compose(parts: tuple[str | None, ...]) -> str | None:
    year, month, day_, hour, minute, second, zone = parts
    if year is None:
        return None
    if month is None:
        return year
    if day_ is None:
        return f"{year}-{int(month):02}" if 1 <= int(month) <= 12 else None
    try:
        whole = date(int(year), int(month), int(day_)).isoformat()
        if hour is None or minute is None:
            return whole
        moment = datetime.fromisoformat(f"{whole}T{hour}:{minute}:{second or '00'}{_OFFSETS.get(zone, zone)}")
        if moment.utcoffset():
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat() + "Z"
