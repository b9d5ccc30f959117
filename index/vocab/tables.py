"""A table of terms: the one Headwater brings along, in memory, or one made from an ontology, in a file.

Both answer the same questions. A name stands for one id only: where two terms bear it, a table leaves it out
rather than guess.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Protocol

TERMS_KEPT = 50_000
"""Terms, and ways up from one, that a table remembers."""

HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))


@dataclass(frozen=True, slots=True)
class Row:
    """One term."""

    id: str
    label: str
    names: tuple[str, ...]
    """Label, common name and synonyms, in this order."""
    parents: tuple[str, ...]
    """Ids directly above, or all of them, nearest first."""


class Table(Protocol):
    """What is asked of a table."""

    def row(self, id_: str) -> Row | None:
        """Answer a term; None when the table does not hold it."""
        ...

    def above(self, id_: str) -> tuple[str, ...]:
        """Answer all terms above one, nearest first; in a loop of parents none is above itself."""
        ...

    def named(self, folded: str) -> str | None:
        """Answer the id a folded name stands for."""
        ...

    def keyed(self, key: str) -> str | None:
        """Answer the id that a name in its normal spelling stands for, where words in a query may mean it."""
        ...

    def current(self, id_: str) -> str:
        """Answer the id that replaced an obsolete one, or the id itself."""
        ...


def fold(label: str) -> str:
    """Fold a label for look-up: case, hyphens, dots and spaces do not matter."""
    text = label if label.isascii() else label.translate(HYPHENS)
    return " ".join(text.casefold().replace("-", " ").replace(".", " ").split())


class Bundled:
    """The rows of a table in this folder."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self.rows = {row["id"]: _row_of(row) for row in rows}
        self._above = lru_cache(TERMS_KEPT)(lambda id_: _walk(self.row, id_))

    def above(self, id_: str) -> tuple[str, ...]:
        return self._above(id_)

    def row(self, id_: str) -> Row | None:
        return self.rows.get(id_)

    def named(self, folded: str) -> str | None:
        return self._named.get(folded)

    def keyed(self, key: str) -> str | None:
        return self._keyed.get(key)

    def current(self, id_: str) -> str:
        return id_

    @cached_property
    def _named(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in self.rows.values():
            for name in row.names:
                found.setdefault(fold(name), row.id)
        return found

    @cached_property
    def _keyed(self) -> dict[str, str]:
        from index.spelling import key  # noqa: PLC0415  # which reads a table of ours itself

        found: dict[str, set[str]] = {}
        for row in self.rows.values():
            for name in row.names:
                found.setdefault(key(name), set()).add(row.id)
        return {key_: ids.pop() for key_, ids in found.items() if len(ids) == 1}


class Kept:
    """A table in a file, as `index/ontologies/build.py` makes it; read only, by many threads."""

    def __init__(self, file: Path) -> None:
        """Open it. The file is never changed, only replaced, so that an open one stays what it is."""
        self._lock = threading.Lock()
        self._file = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self.fingerprint = self._all("SELECT value FROM about WHERE name = 'fingerprint'")[0][0]
        # Bound here, so that a table that is no longer in use is let go with what it remembers.
        self._row, self._one = lru_cache(TERMS_KEPT)(self._read_row), lru_cache(TERMS_KEPT)(self._read_one)
        self._above = lru_cache(TERMS_KEPT)(lambda id_: _walk(self.row, id_))

    def above(self, id_: str) -> tuple[str, ...]:
        return self._above(id_)

    def row(self, id_: str) -> Row | None:
        return self._row(id_)

    def named(self, folded: str) -> str | None:
        return self._one("SELECT id FROM named WHERE name = ?", folded)

    def keyed(self, key: str) -> str | None:
        return self._one("SELECT id FROM keyed WHERE name = ?", key)

    def current(self, id_: str) -> str:
        return self._one("SELECT current FROM replaced WHERE id = ?", id_) or id_

    def _read_row(self, id_: str) -> Row | None:
        found = self._all("SELECT label, names, parents FROM term WHERE id = ?", id_)
        return Row(id_, found[0][0], _listed(found[0][1]), _listed(found[0][2])) if found else None

    def _read_one(self, statement: str, asked: str) -> str | None:
        found = self._all(statement, asked)
        return found[0][0] if found else None

    def _all(self, statement: str, *asked: str) -> list[tuple[str, ...]]:
        with self._lock:
            return self._file.execute(statement, asked).fetchall()


def _walk(row_of: Callable[[str], Row | None], id_: str) -> tuple[str, ...]:
    """Walk up level by level."""
    found: dict[str, None] = {}
    level = [row] if (row := row_of(id_)) else []
    while level:
        above = dict.fromkeys(parent for row in level for parent in row.parents)
        rows = [row_of(each) for each in above if each not in found and each != id_]
        level = [row for row in rows if row is not None]
        found |= dict.fromkeys(row.id for row in level)
    return tuple(found)


def _row_of(row: Mapping[str, str]) -> Row:
    names = (row["label"], row.get("common_name", ""), *row["synonyms"].split("|"))
    return Row(
        row["id"], row["label"], tuple(filter(None, names)), tuple(filter(None, row["parents"].split("|")))
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split("\n")))
