"""When a source was harvested last and when it is due next, as every page, answer and table shows it."""

from __future__ import annotations

from datetime import UTC, datetime

from config.timetable import Due, next_due, schedule
from index.past import Past


def shape_due(name: str, word: str | None, past: Past | None) -> dict[str, str | None]:
    """Shape when a source was harvested last and is due next, by whoever harvests for this node.

    Args:
        name: the source's.
        word: how often it is due, as the harvester left it in the store.
        past: what the ledger tells of it.

    Returns:
        `last`, when the last run ended, `next`, when the next one is due, and `due`, why then. `next` is None
        while a run is under way and for a source that is off; now for one that is overdue.
    """
    now = datetime.now(UTC)
    try:
        due = next_due(schedule(word or ""), past, now, name=name)
    except ValueError:  # left there by something older or newer, which knew other words
        due = Due(None, past.paused if past is not None and past.paused else "not known")
    running = past is not None and past.state == "running"
    return {
        "last": _stamp(past.ended_at) if past is not None and not running else None,
        "next": None if running else _stamp(due.at),
        "due": due.why,
    }


def in_words(stamp: str | None) -> str:
    """Say when a source is due."""
    if stamp is None:
        return ""
    seconds = (datetime.fromisoformat(stamp) - datetime.now(UTC)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = round(seconds / length)
        if count >= 1:
            return f"in {count} {unit}{'s' if count > 1 else ''}"
    return "now"


def _stamp(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else None
