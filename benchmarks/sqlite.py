"""SQLite FTS5 as a peer, used as its documents advise: bm25 order, a temporary table of hits for facets."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import Language, Row
from benchmarks.questions import SIZE, Question

SCHEMA = """
CREATE TABLE IF NOT EXISTS doc(
  rid INTEGER PRIMARY KEY, newest INTEGER, source TEXT, kind TEXT, license TEXT, access TEXT, year INTEGER,
  version INTEGER, family INTEGER, json BLOB);
CREATE TABLE IF NOT EXISTS value(
  field TEXT, rid INTEGER, value TEXT, PRIMARY KEY(field, rid, value)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING
  fts5(title, text, up, content='', tokenize='porter unicode61 remove_diacritics 2');
CREATE TABLE IF NOT EXISTS reached(revision INTEGER, is_finished INTEGER);
INSERT INTO reached SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM reached);
"""
SEVERAL = ("organism", "imaging_method", "keyword")
"""Facets with several values a record; the others are columns."""

LANGUAGE = Language(
    phrase=lambda words: f'"{" ".join(words)}"',
    term=lambda word: f'up : "{word}"',
    both=" AND ",
    either=" OR ",
)
SCORE = "bm25(words, 3.0, 1.0, 0.0)"


class SqliteKeeper:
    """Fills a file; WAL, so that a killed benchmark loses at most its last transaction."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        self.database = sqlite3.connect(file)
        self.database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)

    def reached(self) -> int:
        return int(self.database.execute("SELECT revision FROM reached").fetchone()[0])

    def take(self, rows: Sequence[Row], until: int) -> None:
        with self.database as database:
            database.executemany(
                "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (row.entry["rid"], row.entry["newest"], row.one("source"), row.one("kind"),
                     row.one("license"), row.one("access"), row.entry.get("year"), row.entry["version"],
                     row.entry["family"], row.json)
                    for row in rows
                ],
            )  # fmt: skip
            database.executemany(
                "INSERT INTO words(rowid, title, text, up) VALUES (?, ?, ?, ?)",
                [(row.entry["rid"], row.title, row.text, row.up) for row in rows],
            )
            database.executemany(
                "INSERT INTO value VALUES (?, ?, ?)",
                [
                    (name, row.entry["rid"], value)
                    for row in rows
                    for name in SEVERAL
                    for value in row.entry[name]
                ],
            )
            database.execute("UPDATE reached SET revision = ?, is_finished = 0", (until,))

    def finish(self) -> None:
        if not self.database.execute("SELECT is_finished FROM reached").fetchone()[0]:
            self.database.executescript(
                "CREATE INDEX IF NOT EXISTS by_newest ON doc(newest);"
                "INSERT INTO words(words) VALUES('optimize'); ANALYZE; UPDATE reached SET is_finished = 1;"
            )
        self.database.execute("PRAGMA journal_mode=DELETE")
        self.database.close()


class SqliteFts:
    """Asks a file that was filled."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        self.file = file
        self._own = threading.local()

    def ask(self, question: Question) -> int:
        """Answer a question: hits with their records, total, facets; returns the total."""
        database, match = self._database(), LANGUAGE.write(question.meaning)
        if question.facets:
            return self._with_facets(database, question, match)
        if question.group:
            return self._grouped(database, question.group, match)
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
                f" ORDER BY {SCORE} LIMIT ?) AS best JOIN doc ON doc.rid = best.rowid",
                (match, SIZE),
            ).fetchall()
        return int(total)

    def _grouped(self, database: sqlite3.Connection, group: str, match: str) -> int:
        for name in ("hit", "best"):
            database.execute(f"DROP TABLE IF EXISTS temp.{name}")
        database.execute(
            f"CREATE TEMP TABLE hit AS SELECT doc.rid, doc.{group}, {SCORE} AS score"
            " FROM words JOIN doc ON doc.rid = words.rowid WHERE words MATCH ?",
            (match,),
        )
        # With min(), SQLite takes the other columns from the row that has it.
        database.execute(
            f"CREATE TEMP TABLE best AS SELECT rid, min(score) AS score FROM hit GROUP BY {group}"
        )
        database.execute(
            "SELECT json FROM (SELECT rid FROM best ORDER BY score LIMIT ?) JOIN doc USING (rid)", (SIZE,)
        ).fetchall()
        return int(database.execute("SELECT count(*) FROM best").fetchone()[0])

    def _with_facets(self, database: sqlite3.Connection, question: Question, match: str) -> int:
        where, values = "", [match]
        if question.license and question.years:
            where = " AND license = ? AND year BETWEEN ? AND ?"
            values += [question.license, *map(str, question.years)]
        database.execute("DROP TABLE IF EXISTS temp.hit")
        database.execute(
            f"CREATE TEMP TABLE hit AS SELECT doc.rid, {SCORE} AS score"
            f" FROM words JOIN doc ON doc.rid = words.rowid WHERE words MATCH ?{where}",
            values,
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
