"""When a source is due: the words an operator may use, and the rule.

    daily, weekly ...   so often, counted from the beginning of the last harvest that was completed
    6h, 30m, 2d, 1w     the same, in other lengths
    15 3 * * 1-5        moments, as in crontab(5), UTC
    off                 never of itself; `headwater harvest NAME` still does it

The rule is a function of what the ledger tells and the time, so everybody who applies it - the scheduler,
the command line, the API - finds the same moment, also after a restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal, Protocol, TypeAlias

from config.cron import Cron, cron

Word: TypeAlias = Literal["hourly", "daily", "weekly", "monthly"]
"""How often a source may call itself due on its card."""

LENGTHS: dict[Word, timedelta] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
}
UNITS = {
    "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7),
}  # fmt: skip

SHORTEST = timedelta(minutes=15)
"""Between two harvests of one source; none of the upstreams shows a change sooner in its lists."""

FIRST_RETRY = timedelta(minutes=5)
"""After a first failure; doubled with every further one, up to the interval."""

SPREAD, LARGEST_SPREAD = 0.05, timedelta(hours=1)
"""Share of a distance by which a moment may come later, so that nodes do not call on an upstream together."""

STIRRED = timedelta(seconds=60)
"""A run under way that gave no sign of life for so long may be lost; whoever begins the next finds out."""

CLOCKS_DIFFER = timedelta(seconds=60)
"""What the ledger notes may lie so far ahead of us; beyond, the clock was set back and tells nothing."""


@dataclass(frozen=True, slots=True)
class Every:
    """Harvest so often."""

    text: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class Off:
    """Do not harvest."""

    text: str = "off"


Schedule: TypeAlias = Every | Cron | Off


@dataclass(frozen=True, slots=True)
class Due:
    """When a source is due next, and why then."""

    at: datetime | None
    """Now for one that is overdue; None for one that is switched off."""
    why: str


class History(Protocol):
    """What the ledger tells of a source; `index.past.Past` is one."""

    @property
    def state(self) -> str | None:
        """How the last run ended, or "running"; None before the first."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When the last run ended; of a run under way when it last stirred."""
        ...

    @property
    def fresh_at(self) -> datetime | None:
        """When the last run began that completed a harvest, samples left aside."""
        ...

    @property
    def failures(self) -> int:
        """Runs in a row that failed, up to now."""
        ...

    @property
    def is_stopped(self) -> bool:
        """Somebody asked the last run to stop."""
        ...

    @property
    def paused(self) -> str | None:
        """Who paused the source, when and why; None for one that is not paused."""
        ...


def schedule(text: str) -> Schedule:
    """Read a schedule.

    Raises:
        ValueError: it is none; the text says what is.
    """
    text = text.strip()
    if text == "off":
        return Off()
    if text in LENGTHS:
        return Every(text, LENGTHS[text])
    if length := re.fullmatch(r"([1-9]\d{0,3})([mhdw])", text):
        return _long_enough(Every(text, int(length[1]) * UNITS[length[2]]))
    if len(text.split()) > 1:
        return _long_enough(cron(text))
    message = (
        f"no schedule {text!r}; there are {', '.join(LENGTHS)}, lengths such as 6h, 30m, 2d or 1w, off, "
        "and cron expressions such as '15 3 * * 1-5' (UTC)"
    )
    raise ValueError(message)


def next_due(when: Schedule, past: History | None, now: datetime, *, name: str) -> Due:
    """Answer when a source is due.

    Args:
        when: its schedule.
        past: what the ledger tells of it; None when it was never harvested.
        now: the time.
        name: the source's, so that several sources are not due in the same second.
    """
    if isinstance(when, Off):
        return Due(None, "off")
    if past is not None and past.paused:
        return Due(None, past.paused)
    if past is None or past.state is None or past.ended_at is None:
        return Due(_at_once(when, now), "never harvested")
    if past.ended_at > now + CLOCKS_DIFFER:
        return Due(now, "the clock was set back")
    moment, why = _wanted(when, past, past.ended_at, name)
    return Due(max(moment, now), why)


def stale_at(when: Schedule, fresh_at: datetime, intervals: int) -> datetime | None:
    """Answer when a source that was fresh at a moment has missed so many intervals; None when it is off."""
    match when:
        case Every(length=length):
            return fresh_at + intervals * length
        case Cron():
            for _ in range(intervals):
                fresh_at = when.after(fresh_at)
            return fresh_at
        case Off():
            return None


def _wanted(when: Every | Cron, past: History, ended_at: datetime, name: str) -> tuple[datetime, str]:
    """Apply the rule for how the last run ended."""
    whole = _after(when, ended_at, name)
    match past.state:
        case "running":
            return min(ended_at + max(STIRRED, _distance(past.failures)), whole), "under way"
        case "complete" if past.fresh_at is None:
            return _at_once(when, ended_at), "only a sample was harvested"
        case "complete":
            return max(_after(when, past.fresh_at or ended_at, name), ended_at + SHORTEST), when.text
        case "canceled" if not past.is_stopped:
            return ended_at, "goes on"
        case "partial" | "lost":
            distance = _distance(past.failures)
            moment = ended_at + distance + _spread(f"{name} {ended_at}", distance)
            return min(moment, whole), f"try {past.failures + 1}"
        case _:  # refused, changed, canceled on demand: another try soon would find the same
            return whole, f"{when.text}, after {past.state}"


def _at_once(when: Every | Cron, moment: datetime) -> datetime:
    return when.after(moment) if isinstance(when, Cron) else moment


def _after(when: Every | Cron, moment: datetime, name: str) -> datetime:
    """Answer the moment after a whole interval. Whoever writes a cron expression means its minute."""
    if isinstance(when, Cron):
        return when.after(moment)
    return moment + when.length + _spread(f"{name} {moment}", when.length)


def _distance(failures: int) -> timedelta:
    return FIRST_RETRY * 2 ** min(failures - 1, 20) if failures else timedelta()


def _spread(seed: str, length: timedelta) -> timedelta:
    """Answer a part of the largest spread: the same for the same seed, so that all who ask agree."""
    share = int.from_bytes(blake2b(seed.encode(), digest_size=4).digest()) / 2**32
    return share * min(SPREAD * length, LARGEST_SPREAD)


def _long_enough(when: Every | Cron) -> Every | Cron:
    """Refuse what would trouble an upstream.

    Raises:
        ValueError: two moments are too near to one another.
    """
    if isinstance(when, Cron):
        first, *_ = when.minutes
        later = [*when.minutes[1:], first + 24 * 60]
        shortest = timedelta(minutes=min(b - a for a, b in zip(when.minutes, later, strict=True)))
    else:
        shortest = when.length
    if shortest < SHORTEST:
        least = SHORTEST.seconds // 60
        message = f"{when.text!r} is too often; there must be {least} minutes between two moments"
        raise ValueError(message)
    return when
