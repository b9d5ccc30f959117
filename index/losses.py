"""What becomes of each field of the upstreams' documents: mapped, left on purpose, or lost.

The table `losses` counts documents by path; a path ends with ":" where it counts the documents of a form.
What becomes of a path is known to the harvester, which leaves it in the store for those that serve it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import orjson
import sqlalchemy as sa

from index import tables as t
from index.sql import CHUNK
from index.store import Store

ENOUGH = 50
"""Documents from which on the absence of a path that most had says something."""
MOST = 0.5
RUNS_TOLD = 5
"""A drift is told through so many runs of a source; after that the table of its paths still shows it."""

KIND = "drift"
ALL = "*"
"""Stands for the whole record: without this path the document cannot be read."""

Becomes: TypeAlias = Literal["mapped", "ignored", "unknown"]
_ENDS = re.compile(r"[\[\].:/@]|$")


@dataclass(frozen=True, slots=True)
class Seen:
    """In how many documents a path said something, one example, and whether the path was expected."""

    documents: int
    example: str | None
    is_known: bool = True


Paths: TypeAlias = Mapping[str, Seen]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a path."""

    becomes: Becomes
    fields: tuple[str, ...] = ()
    """Fields of the record that change when this value does."""
    why: str | None = None
    """The reason why it is left out, where it is."""


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of every path of a source, as experiment and the source's own list say."""

    mapped: Mapping[str, list[str]] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str) -> Fate:
        """Tell what becomes of a path; what an experiment saw goes before what the source says."""
        if fields := self.mapped.get(path):
            return Fate("mapped", tuple(fields))
        why = self._reason(path)
        return Fate("unknown") if why is None else Fate("ignored", why=why)

    def knows(self, path: str) -> bool:
        """Tell whether a path was met before, or is left on purpose whatever it is."""
        return path.endswith(":") or path in self.mapped or self._reason(path) is not None

    def _reason(self, path: str) -> str | None:
        form, _, where = path.partition(":")
        for end in _ENDS.finditer(where):
            above = where[: end.start()]
            why = self.ignored.get(f"{form}:{above}") or self.ignored.get(above)
            if why is not None:
                return why
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """One path of a source, as seen."""

    path: str
    seen: int
    documents: int
    """Documents of its form that were looked at."""
    first_run: int
    last_run: int
    example: str | None
    fate: Fate


def keep(connection: sa.Connection, run_id: int, source: str, paths: Paths) -> dict[tuple[str, str], Any]:
    """Add to the counts of a source; answer findings about paths that nobody ever met.

    One statement for all paths: a page of 25 documents has some 150, and a row at a time they would cost
    more than the records do.
    """
    if not paths:
        return {}
    strange = [path for path, seen in paths.items() if not seen.is_known]
    old = _held(connection, source, strange)
    connection.execute(
        _ADD,
        {
            "source": source,
            "run": run_id,
            "rows": orjson.dumps([[p, s.documents, s.example] for p, s in paths.items()]).decode(),
        },
    )
    return {
        (KIND, f"new: {path}"): (paths[path].documents, paths[path].example)
        for path in strange
        if path not in old
    }


def judge(store: Store, run_id: int, source: str, looked: Mapping[str, int]) -> list[str]:
    """At a run's end, note the mapped paths that most documents had and none of this run has.

    Args:
        store: where the counts are.
        run_id: the run.
        source: whose it was.
        looked: how many documents of each form the run looked at.

    Returns:
        The paths that vanished.
    """
    fates = fates_of(store, source)
    told = {row.path: row for row in table(store, source)}
    gone = []
    for row in told.values():
        now = looked.get(row.path.partition(":")[0], 0)
        before = row.documents - now
        was_common = before >= ENOUGH and row.seen > MOST * before
        if now >= ENOUGH and was_common and row.last_run < run_id and fates.of(row.path).fields:
            gone.append(row)
    if gone:
        with store.transaction() as connection:
            connection.execute(
                t.findings.insert().prefix_with("OR REPLACE"),
                [
                    {"run_id": run_id, "kind": KIND, "what": f"vanished: {row.path}", "example": row.example,
                     "count": looked[row.path.partition(":")[0]]}
                    for row in gone
                ],
            )  # fmt: skip
    return [row.path for row in gone]


def table(store: Store, source: str) -> list[Row]:
    """List the paths of a source: the unknown first, then the mapped, then those left on purpose."""
    fates = fates_of(store, source)
    query = sa.select(t.losses).where(t.losses.c.source == source).order_by(t.losses.c.path)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    documents = {row.path: row.seen for row in rows if row.path.endswith(":")}
    found = [
        Row(
            row.path,
            row.seen,
            documents.get(row.path.partition(":")[0] + ":", row.seen),
            row.first_run,
            row.last_run,
            row.example,
            fates.of(row.path),
        )
        for row in rows
        if not row.path.endswith(":")
    ]
    order = {"unknown": 0, "mapped": 1, "ignored": 2}
    return sorted(found, key=lambda row: (order[row.fate.becomes], row.path))


def drift(store: Store, source: str | None = None) -> dict[str, list[str]]:
    """Answer what drifted in the last runs of one source or each: paths that are new, and that vanished."""
    runs = sa.select(
        t.runs.c.id,
        t.runs.c.source,
        sa.func.row_number().over(partition_by=t.runs.c.source, order_by=t.runs.c.id.desc()).label("place"),
    )
    newest = (runs if source is None else runs.where(t.runs.c.source == source)).subquery()
    query = (
        sa.select(newest.c.source, t.findings.c.what)
        .join(t.findings, t.findings.c.run_id == newest.c.id)
        .where(newest.c.place <= RUNS_TOLD, t.findings.c.kind == KIND)
        .distinct()
        .order_by(newest.c.source, t.findings.c.what)
    )
    found: dict[str, list[str]] = {}
    with store.reading() as connection:
        for name, what in connection.execute(query):
            found.setdefault(name, []).append(what)
    return found


def keep_fates(store: Store, source: str, fates: Fates) -> None:
    """Leave word of what becomes of a source's paths, for those that serve what it harvested."""
    value = orjson.dumps({"mapped": fates.mapped, "ignored": fates.ignored}).decode()
    key = f"fates:{source}"
    with store.transaction() as connection:
        row = {"key": key, "value": value}
        connection.execute(t.meta.insert().prefix_with("OR REPLACE"), row)


def fates_of(store: Store, source: str) -> Fates:
    """Answer what becomes of a source's paths; nothing is known before its first harvest."""
    query = sa.select(t.meta.c.value).where(t.meta.c.key == f"fates:{source}")
    with store.reading() as connection:
        value = connection.execute(query).scalar_one_or_none()
    return Fates(**orjson.loads(value)) if value else Fates()


_ADD = sa.text(
    """INSERT INTO losses (source, path, seen, first_run, last_run, example)
    SELECT :source, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :run, :run,
    json_extract(value, '$[2]') FROM json_each(:rows) WHERE true
    ON CONFLICT (source, path) DO UPDATE SET seen = seen + excluded.seen, last_run = excluded.last_run,
    example = coalesce(losses.example, excluded.example)"""
)


def _held(connection: sa.Connection, source: str, paths: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(paths), CHUNK):
        query = sa.select(t.losses.c.path).where(
            t.losses.c.source == source, t.losses.c.path.in_(paths[start : start + CHUNK])
        )
        found.update(connection.execute(query).scalars())
    return found
