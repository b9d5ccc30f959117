"""When a revision was reached, and which revision stood at a given time.

The store notes one moment a transaction (table `moments`): the revision it ended at, and the time. A
revision was reached at the first moment at or after it. Of a store that is older than these notes only the
last revision before them has a time; for earlier ones the time says "not later than".
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import orjson
import sqlalchemy as sa

from index import tables as t
from index.query import BadQuery
from index.sql import now, revision_of
from index.store import Store

LAST_SECOND = time(23, 59, 59, tzinfo=UTC)
FORMS = "a day (2026-03-31), a time (2026-03-31T12:00:00Z) or a revision (1234)"

_REACHED = sa.text(
    "SELECT asked.value, (SELECT at FROM moments WHERE revision >= asked.value ORDER BY revision LIMIT 1)"
    " FROM json_each(:revisions) AS asked"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the node's past that somebody asked for."""

    asked: str
    revision: int
    """What the node held then is what it holds at this revision."""
    at: str | None
    """When this revision was reached; None where nobody noted it."""
    is_now: bool = False
    """The day or the second asked for is not over: the answer may still change."""


def times(connection: sa.Connection, revisions: Iterable[int]) -> dict[int, str | None]:
    """Answer when revisions were reached, UTC."""
    asked = orjson.dumps(list(revisions)).decode()
    return {int(revision): at for revision, at in connection.execute(_REACHED, {"revisions": asked})}


def moment(store: Store, text: str, name: str = "as_of") -> Moment:
    """Find the revision that stood at a day's end (UTC), at a time, or is given itself.

    Args:
        store: the store whose past is meant.
        text: a day, a time (UTC unless it says otherwise) or a revision.
        name: what the parameter is called, for the sentence of an error.

    Raises:
        BadQuery: the text is none of these, lies ahead, or is before the first moment we know.
    """
    text = text.strip()
    with store.reading() as connection:
        if text.isascii() and text.isdigit():
            return _of_revision(connection, text, name)
        return _of_time(connection, text, name)


def _of_revision(connection: sa.Connection, text: str, name: str) -> Moment:
    newest = revision_of(connection)
    # A longer number is none we could hold, and SQLite could not even be asked for it.
    if len(text) > 18 or int(text) > newest:
        raise BadQuery(f"{name}={text}: this revision is not reached; the newest is {newest}")
    revision = int(text)
    at = times(connection, [revision])[revision] if revision else None
    return Moment(text, revision, at)


def _of_time(connection: sa.Connection, text: str, name: str) -> Moment:
    begins, ends, today = *_span(text, name), now()
    if begins > today:
        raise BadQuery(f"{name}={text} lies ahead; it is {today}. Ask for a time that is past, or for today")
    first = connection.execute(sa.select(t.moments).order_by(t.moments.c.revision).limit(1)).one_or_none()
    if first is None:
        raise BadQuery(f"{name}={text}: nothing was kept yet, so there is no past to ask for")
    then = connection.execute(
        sa.select(t.moments)
        .where(t.moments.c.at <= ends)
        .order_by(t.moments.c.revision.desc())  # not by time: a clock may have been set back in between
        .limit(1)
    ).one_or_none()
    if then is None:
        message = (
            f"{name}={text} is before the first moment we know, {first.at} (revision {first.revision}); "
            "ask for that time or a later one"
        )
        raise BadQuery(message)
    return Moment(text, then.revision, then.at, is_now=ends >= today)


def _span(text: str, name: str) -> tuple[str, str]:
    """Answer the first and the last second meant, as the store writes times."""
    with suppress(ValueError):
        day = date.fromisoformat(text)
        return _written(datetime.combine(day, time(tzinfo=UTC))), _written(datetime.combine(day, LAST_SECOND))
    try:
        asked = datetime.fromisoformat(text)
        utc = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"{name}={text!r} is none of these: {FORMS}") from error
    return _written(utc), _written(utc)


def _written(at: datetime) -> str:
    return at.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
