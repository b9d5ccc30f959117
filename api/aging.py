"""How old what is held of a source was: a day older each day, until the next complete harvest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, groupby, pairwise
from typing import Any

from api.node import lasting
from index.past import Harvest

SHOWN = timedelta(days=90)
WIDTH, HEIGHT = 360, 100
"""Of the picture, in its own units: a quarter of a day is one, when 90 days are shown."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Point:
    """How old the newest complete harvest was at a moment, counted from when it began."""

    at: datetime
    age: timedelta


def aged(harvests: Sequence[Harvest], now: datetime) -> list[Point]:
    """Follow the age through the last 90 days, or since the first complete harvest.

    Args:
        harvests: those that were completed, oldest first, and one that ended before the 90 days.
        now: where it ends.

    Returns:
        Points to join by lines, two at each harvest's end: just before it, and just after.
    """
    if not harvests:
        return []
    begin = max(now - SHOWN, harvests[0].ended)
    held = [each for each in harvests if each.ended <= begin][-1:]
    shown = [*held, *(each for each in harvests if each.ended > begin)]
    falls = (
        Point(after.ended, after.ended - each.began)
        for before, after in pairwise(shown)
        for each in (before, after)
    )
    return [Point(begin, begin - shown[0].began), *falls, Point(now, now - shown[-1].began)]


def drawn(points: Sequence[Point]) -> dict[str, Any]:
    """Lay out the picture, and say in words what it shows.

    Args:
        points: at least one, as `aged` has them.
    """
    begin, now = points[0].at, points[-1].at
    oldest = max(point.age for point in points)
    top = next(
        rung * 10**power for power in count() for rung in (1, 2, 4, 6, 8) if rung * 10**power * DAY >= oldest
    )
    whole = max(now - begin, timedelta(seconds=1))
    line = [
        (round((p.at - begin) / whole * WIDTH, 1), round(HEIGHT * (1 - p.age / (top * DAY)), 1))
        for p in points
    ]
    return {
        "line": "L".join(f"{x:g} {y:g}" for x, y in _thinned(line)),
        "ticks": [(HEIGHT * (1 - part), f"{top * part:g}") for part in (0, 0.5, 1)],
        "first": f"{begin:%Y-%m-%d}",
        "last": f"{now:%Y-%m-%d}",
        "told": f"Since {begin:%Y-%m-%d} the newest complete harvest was {lasting(oldest)} old "
        f"at its oldest; now it is {lasting(points[-1].age)} old.",
    }


def _thinned(line: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Leave out what could not be told apart: hourly harvests fall 2,160 times in 90 days."""
    for _, group in groupby(line, key=lambda point: int(point[0])):
        near = list(group)
        yield from dict.fromkeys((near[0], min(near, key=lambda point: point[1]), near[-1]))
