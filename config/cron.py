"""Cron expressions: five fields as in crontab(5), read in UTC.

Our own reader, since everybody who shows when a source is due needs it, and apscheduler's differs from
crontab(5) twice: it takes 0 for Monday where cron means Sunday, and it wants day of month and day of week
to agree where cron takes either (`CronTrigger.from_crontab`, 3.11.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

LONGEST_GAP = timedelta(days=8 * 366)
"""29 February comes after eight years at the latest (1896 to 1904, 2096 to 2104)."""

_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields."""

    name: str
    lowest: int
    highest: int
    words: Sequence[str] = ()
    """Names of the values, from the lowest on."""


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 7, WEEKDAYS),  # 7 is Sunday too
)


@dataclass(frozen=True, slots=True)
class Cron:
    """Moments of a cron expression."""

    text: str
    minutes: tuple[int, ...]
    """Minutes of the day, ascending."""
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    is_either: bool
    """Both kinds of day are restricted: crontab(5) then takes a day on which either matches."""

    def after(self, moment: datetime) -> datetime:
        """Answer the first moment after another one, UTC."""
        moment = moment.astimezone(UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        end = midnight + LONGEST_GAP
        while midnight <= end:
            if self._takes(midnight):
                for minute in self.minutes:
                    if (found := midnight + timedelta(minutes=minute)) > moment:
                        return found
            midnight += timedelta(days=1)
        message = f"the cron expression {self.text!r} never comes"
        raise ValueError(message)

    def _takes(self, day: datetime) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (
            (of_month or of_week) if self.is_either else of_month and of_week
        )


def cron(text: str) -> Cron:
    """Read a cron expression.

    Raises:
        ValueError: it is none, or none of its moments ever comes; the text says which field is wrong.
    """
    parts = text.lower().split()
    if len(parts) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        message = f"a cron expression has five fields ({names}), {text!r} has {len(parts)}"
        raise ValueError(message)
    minutes, hours, days, months, weekdays = map(_values, FIELDS, parts)
    found = Cron(
        text,
        tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)),
        frozenset(days),
        frozenset(months),
        frozenset(day % 7 for day in weekdays),
        not parts[2].startswith("*") and not parts[4].startswith("*"),
    )
    found.after(_ANY_DAY)
    return found


def _values(field: Field, text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isdecimal() or int(step) == 0):
            message = f"{part!r} is no {field.name} of a cron expression; a step is a number from 1 on"
            raise ValueError(message)
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = field.lowest, field.highest
        else:
            first = _value(field, low)
            last = _value(field, high) if dash else field.highest if slash else first
        if first > last:
            message = f"{part!r} is no {field.name} of a cron expression; it ends before it begins"
            raise ValueError(message)
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _value(field: Field, text: str) -> int:
    if text in field.words:
        return field.words.index(text) + field.lowest
    if text.isdecimal() and field.lowest <= int(text) <= field.highest:
        return int(text)
    message = (
        f"{text!r} is no {field.name} of a cron expression; it goes from {field.lowest} to {field.highest}"
    )
    raise ValueError(message)
