"""What the parts of the store share in asking SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t

Row: TypeAlias = Any  # a row of SQLAlchemy, typed by its table only

CHUNK = 500
"""Values per IN (...): SQLite allows 32,766 parameters; short lists keep statements cacheable."""


def now() -> str:
    """Answer the time, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """Answer the number a row got when it was inserted."""
    key = result.inserted_primary_key
    if key is None:
        message = "the row has no primary key"
        raise TypeError(message)
    return int(key[0])


def revision_of(connection: sa.Connection) -> int:
    """Read the revision inside a transaction."""
    query = sa.select(t.meta.c.value).where(t.meta.c.key == "revision")
    return int(connection.execute(query).scalar_one())


def set_revision(connection: sa.Connection, revision: int) -> None:
    """Move the store to a revision, and note when that was."""
    connection.execute(t.meta.update().where(t.meta.c.key == "revision").values(value=str(revision)))
    reached = insert(t.moments).values(revision=revision, at=now())
    connection.execute(reached.on_conflict_do_nothing())  # a transaction may change no record


def in_chunks(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Iterable[Any]
) -> Iterator[Any]:
    """Ask for many values, some hundred at a time."""
    values = list(values)
    for start in range(0, len(values), CHUNK):
        yield from connection.execute(query.where(column.in_(values[start : start + CHUNK])))


def insert_all(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert many small rows; as Core does, without its 4 µs per row (a record has about five such rows)."""
    if rows:
        statement = table.insert().compile(connection, column_keys=list(columns))
        connection.exec_driver_sql(str(statement), list(rows))


def plain(row: Row) -> dict[str, Any]:
    """Turn a row into a mapping whose keys are plain strings; SQLAlchemy's are of a class of their own."""
    return {str(name): value for name, value in row._mapping.items()}
