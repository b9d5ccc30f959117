"""The peers of benchmarks/search.py: SQLite FTS5 on the same records, and Tantivy alone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import orjson
import tantivy
from tantivy import Occur

from benchmarks.questions import SIZE, Question
from index.engines.tantivy import TantivyEngine
from index.entry import entry_of
from index.query import Query, parse
from index.search import restricted
from index.store import Store

SCHEMA = """
CREATE TABLE doc(
  rid INTEGER PRIMARY KEY, newest INTEGER, source TEXT, license TEXT, access TEXT, year INTEGER, json BLOB);
CREATE TABLE value(field TEXT, rid INTEGER, value TEXT, PRIMARY KEY(field, rid, value)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING
  fts5(title, text, content='', tokenize='porter unicode61 remove_diacritics 2');
"""
SEVERAL = ("organism", "imaging_method")
"""Facets with several values a record; the others are columns."""


def fill(store: Store, file: Path, say: Callable[[str], None], step: int = 20_000) -> None:
    """Write the records of a store into SQLite FTS5."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + SCHEMA)
        for start in range(0, store.revision(), step):
            current, _ = store.changes(start, start + step)
            entries = [(entry_of(k.rid, k.revision, None, orjson.loads(k.json)), k.json) for k in current]
            database.executemany(
                "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (e["rid"], e["newest"], e["source"][0], (*e["license"], None)[0], e["access"][0],
                     e.get("year"), json)
                    for e, json in entries
                ],
            )  # fmt: skip
            database.executemany(
                "INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)",
                [(e["rid"], " ".join(e["title"]), "\n".join(e["text"])) for e, _ in entries],
            )
            database.executemany(
                "INSERT INTO value VALUES (?, ?, ?)",
                [(name, e["rid"], value) for e, _ in entries for name in SEVERAL for value in e[name]],
            )
            database.commit()
            if start // step % 10 == 9:
                say(f"  SQLite holds {start + step:,}")
        database.executescript(
            "CREATE INDEX by_newest ON doc(newest); INSERT INTO words(words) VALUES('optimize'); ANALYZE;"
        )


class SqliteFts:
    """SQLite FTS5, asked as its documents advise: bm25 order, a temporary table of hits for facets."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._own = threading.local()

    def ask(self, question: Question) -> int:
        """Answer a question: hits with their records, total, facets; returns the total."""
        database = self._database()
        match = " ".join(f'"{word}"' for word in question.words)
        match = f'"{" ".join(question.words)}"' if question.is_phrase else match
        if question.facets:
            return self._with_facets(database, question, match)
        total = database.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchone()[0]
        if question.by_date:
            until = question.after or 1 << 62
            database.execute(
                "SELECT json FROM words JOIN doc ON doc.rid = words.rowid WHERE words MATCH ? AND newest < ?"
                " ORDER BY newest DESC LIMIT ?",
                (match, until, SIZE),
            ).fetchall()
        else:
            database.execute(
                "SELECT json FROM (SELECT rowid FROM words WHERE words MATCH ?"
                " ORDER BY bm25(words, 3.0, 1.0) LIMIT ?) AS best JOIN doc ON doc.rid = best.rowid",
                (match, SIZE),
            ).fetchall()
        return int(total)

    def _with_facets(self, database: sqlite3.Connection, question: Question, match: str) -> int:
        low, high = question.years or (0, 9999)
        database.execute("DROP TABLE IF EXISTS temp.hit")
        database.execute(
            "CREATE TEMP TABLE hit AS SELECT doc.rid, bm25(words, 3.0, 1.0) AS score"
            " FROM words JOIN doc ON doc.rid = words.rowid"
            " WHERE words MATCH ? AND license = ? AND year BETWEEN ? AND ?",
            (match, question.license, low, high),
        )
        database.execute(
            "SELECT json FROM (SELECT rid FROM hit ORDER BY score LIMIT ?) JOIN doc USING (rid)", (SIZE,)
        ).fetchall()
        for name in question.facets:
            if name in SEVERAL:
                counting = (
                    "SELECT value, count(*) FROM hit JOIN value ON value.field = ? AND value.rid = hit.rid"
                    " GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
                )
                database.execute(counting, (name,)).fetchall()
            else:
                counting = (
                    f"SELECT {name}, count(*) FROM hit JOIN doc USING (rid)"
                    " GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
                )
                database.execute(counting).fetchall()
        return int(database.execute("SELECT count(*) FROM hit").fetchone()[0])

    def _database(self) -> sqlite3.Connection:
        if not hasattr(self._own, "database"):
            self._own.database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
            self._own.database.execute("PRAGMA cache_size=-200000")
            self._own.database.execute("PRAGMA mmap_size=8000000000")
            self._own.database.execute("PRAGMA temp_store=MEMORY")
        return self._own.database  # type: ignore[no-any-return]


class RawTantivy:
    """The library in this process, on the same index: no HTTP, no records, no highlights, no parsing."""

    def __init__(self, folder: Path) -> None:
        self.snapshot = TantivyEngine(folder).snapshot()
        self.searcher = self.snapshot.searcher
        self._made: dict[int, tantivy.Query] = {}

    def prepare(self, questions: Sequence[Question]) -> None:
        """Make the queries."""
        for question in questions:
            query = self.snapshot.queries.compile(_query(question))
            if question.after:
                before = self.snapshot.queries.range("newest", None, question.after - 1)
                query = tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, before)])
            self._made[id(question)] = query

    def ask(self, question: Question) -> int:
        """Answer a question: record numbers, total and facets; returns the total."""
        query = self._made[id(question)]
        order = "newest" if question.by_date else None
        found = self.searcher.search(query, limit=SIZE, order_by_field=order)
        self.searcher.fast_field_values("rid", [address for _, address in found.hits])
        if question.facets:
            self.searcher.aggregate(query, {name: {"terms": {"field": name}} for name in question.facets})
        return int(found.count)  # type: ignore[attr-defined]  # there, but missing in the stub of 0.27

    def place(self, question: Question, depth: int) -> int | None:
        """Answer the sort key of the hit at a depth, if there are so many."""
        query = self.snapshot.queries.compile(_query(question))
        hits = self.searcher.search(query, limit=1, offset=depth - 1, order_by_field="newest").hits
        return int(hits[0][0]) if hits else None


def _query(question: Question) -> Query:
    words = " ".join(question.words)
    asked: dict[str, list[str]] = {}
    if question.license and question.years:
        asked = {"license": [question.license], "year": [f"{question.years[0]}..{question.years[1]}"]}
    return restricted(parse(f'"{words}"' if question.is_phrase else words), asked)
