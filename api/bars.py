"""Histograms of years and sizes as bars: each a link to what it counts, a range of them to be drawn over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from api.counted import span
from api.rendering import TITLES, size, thousands
from index.engines import Bar, HistogramCount

WIDTH, HEIGHT = 240, 56
"""Of the picture, in its own units; the stylesheet says how large it is shown."""
LEAST = 2
"""Height of a bar of one hit beside one of a million: it must be seen to be clicked."""
YEARS = 40
"""Bars of years; what is older is one bar, as a few wrong dates of 1900 would make all others hairlines."""

EXAMPLES = {"year": ("2015", "2026"), "bytes": ("1GB", "10TB")}


def drawn(name: str, counted: HistogramCount, kept: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Lay out the bars of a histogram.

    Args:
        name: year or bytes.
        counted: its bars, those with hits.
        kept: the parameters that stay when a bar is chosen.

    Returns:
        What the template draws: `bars` with place, height, label, count and address.
    """
    bars = _years(counted.bars) if name == "year" else _decades(counted.bars)
    most = max((bar.count for bar in bars), default=0)
    step = WIDTH / max(1, len(bars))
    return {
        "name": name,
        "title": TITLES[name],
        "from": EXAMPLES[name][0],
        "to": EXAMPLES[name][1],
        "kept": kept,
        "missing": counted.missing,
        "first": _label(name, bars[0]) if bars else "",
        "last": _label(name, bars[-1]) if bars else "",
        "bars": [
            {
                "x": round(place * step, 2),
                "width": round(max(1.0, step - 1), 2),
                "height": max(LEAST, round(bar.count / most * HEIGHT, 1)),
                "low": bar.low,
                "high": bar.high,
                "told": f"{_label(name, bar)}: {thousands(bar.count)}",
                "url": "/?" + urlencode([*kept, (name, _filter(name, bar))]),
            }
            for place, bar in enumerate(bars)
            if bar.count
        ],
    }


def _years(bars: Sequence[Bar]) -> list[Bar]:
    """Fill the gaps, and put what is older than the last forty years into one bar."""
    if not bars:
        return []
    counts = {bar.low: bar.count for bar in bars}
    last = max(counts)
    first = max(min(counts), last - YEARS + 1)
    older = [bar for bar in bars if bar.low < first]
    before = [Bar(min(bar.low for bar in older), first - 1, sum(bar.count for bar in older))] if older else []
    return [*before, *(Bar(year, year, counts.get(year, 0)) for year in range(first, last + 1))]


def _decades(bars: Sequence[Bar]) -> list[Bar]:
    """Fill the gaps between powers of ten."""
    if not bars:
        return []
    counts = {bar.low: bar for bar in bars}
    low, filled = min(counts), list[Bar]()
    while low <= max(counts):
        filled.append(counts.get(low, Bar(low, low * 10 - 1, 0)))
        low = low * 10
    return filled


def _filter(name: str, bar: Bar) -> str:
    return (
        f"{bar.low}..{bar.high}" if name == "year" and bar.low != bar.high else span(name, bar.low, bar.high)
    )


def _label(name: str, bar: Bar) -> str:
    if name == "bytes":
        return f"{size(bar.low)} to {size(bar.high + 1)}"
    return str(bar.low) if bar.low == bar.high else f"{bar.low} to {bar.high}"
