"""PostgreSQL's full text as a peer: a server of our own, of Debian's packages, that ends with the benchmark.

It listens on a socket in a folder of its own and on no network. PostgreSQL refuses to run as root; started by
root it runs as the user `postgres` that its package brings.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

try:
    import psycopg
except ImportError:  # an extra; without it the benchmark goes on without this peer
    psycopg = None  # type: ignore[assignment,unused-ignore]

from benchmarks.peers import SEAM, Language, Row
from benchmarks.processes import dies_with_us
from benchmarks.questions import SIZE, Question

HOW_TO_INSTALL = "install it: apt-get install postgresql, and pip install 'psycopg[binary]'"

# Every node has some memory; a quarter for shared buffers is what PostgreSQL's documents advise. Compiling
# queries (jit) costs short ones more than it gains. Tables are VACUUMed and ANALYZEd once they are filled.
MEMORY_MB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": f"{min(4096, MEMORY_MB // 4)}MB",
    "effective_cache_size": f"{MEMORY_MB // 2}MB",
    "work_mem": "64MB",
    "maintenance_work_mem": f"{min(1024, MEMORY_MB // 16)}MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum": "off",
    "default_toast_compression": "lz4",
    "max_connections": "50",
}

SCHEMA = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_ts_config WHERE cfgname = 'plain') THEN
    CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, LANGUAGE = english);
    CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING FOR asciiword, word WITH stems;
  END IF;
END $$;
CREATE TABLE IF NOT EXISTS doc(
  rid bigint PRIMARY KEY, newest bigint, source text, kind text, license text, access text, year int,
  version bigint, family bigint, organism text[], imaging_method text[], keyword text[],
  words tsvector, json bytea);
CREATE UNLOGGED TABLE IF NOT EXISTS coming(
  rid bigint, newest bigint, source text, kind text, license text, access text, year int,
  version bigint, family bigint, organism text[], imaging_method text[], keyword text[],
  title text, body text, up text, json bytea);
CREATE TABLE IF NOT EXISTS reached(revision bigint, is_finished boolean);
INSERT INTO reached SELECT 0, false WHERE NOT EXISTS (SELECT FROM reached);
"""
KEPT = "rid, newest, source, kind, license, access, year, version, family, organism, imaging_method, keyword"
TAKE = f"""
INSERT INTO doc SELECT {KEPT},
  setweight(to_tsvector('plain', title || '{SEAM}'), 'A')
    || to_tsvector('plain', body) || to_tsvector('plain', up), json
FROM coming
"""
FINISH = (
    "CREATE INDEX IF NOT EXISTS doc_words ON doc USING gin(words) WITH (fastupdate = off)",
    "CREATE INDEX IF NOT EXISTS doc_newest ON doc(newest)",
    "CREATE INDEX IF NOT EXISTS doc_license ON doc(license, year)",
    "VACUUM (ANALYZE) doc",
    "UPDATE reached SET is_finished = true",
)
SEVERAL = frozenset({"organism", "imaging_method", "keyword"})

LANGUAGE = Language(
    phrase=lambda words: f"({' <-> '.join(words)})" if len(words) > 1 else words[0],
    term=lambda word: word,
    both=" & ",
    either=" | ",
)


class Missing(Exception):  # the name says what is wrong
    """PostgreSQL, or what speaks to it, is not installed; the text says what to do."""


def programs() -> Path:
    """Find the newest PostgreSQL's folder of programs; Debian keeps them out of the path.

    Raises:
        Missing: there is none, or no psycopg.
    """
    if psycopg is None:
        raise Missing(f"psycopg is not installed; {HOW_TO_INSTALL}")
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda file: [int(part) for part in file.parts[4].split(".")],
    )
    named = shutil.which("initdb")
    if not found and named is None:
        raise Missing(f"PostgreSQL is not installed; {HOW_TO_INSTALL}")
    return found[-1].parent if found else Path(named or "").parent


class Server:
    """A server on the data of a folder; made where there is none."""

    def __init__(self, folder: Path) -> None:
        """Find what is needed.

        Raises:
            Missing: PostgreSQL or psycopg is not installed.
        """
        self._programs, self.folder = programs(), folder
        self._as: tuple[str, ...] = ()
        if os.geteuid() == 0:
            self._as = ("--reuid=postgres", "--regid=postgres", "--init-groups")
        self._socket: Path | None = None
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What a connection is opened with."""
        return f"host={self._socket} user=postgres dbname=postgres"

    def __enter__(self) -> Server:
        self._socket = Path(tempfile.mkdtemp(prefix="headwater-pg-"))
        self._own(self._socket)
        if not self.folder.exists():
            self._make()
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._running = self._run("postgres", "-D", str(self.folder), "-k", str(self._socket), *settings)
        # Nobody may wait for its lines: a full pipe would stop it.
        threading.Thread(target=self._running.communicate, daemon=True).start()
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGINT)  # ends connections, writes what is to be written
            self._running.wait()
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)

    def _make(self) -> None:
        """Make the files of a server, under another name until they are whole."""
        unfinished = self.folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        self._own(unfinished)
        made = self._run(
            "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
            f"--pgdata={unfinished}",
        )  # fmt: skip
        _text, error = made.communicate()
        if made.returncode:
            raise SystemExit(f"initdb fails: {error.decode(errors='replace').strip()}")
        unfinished.rename(self.folder)

    def _own(self, folder: Path) -> None:
        """Let the server into a folder, and nobody else; on the way there it must pass those above."""
        folder.chmod(0o700)
        if not self._as:
            return
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        for above in folder.resolve().parents:
            if not above.stat().st_mode & 0o001:
                if above != self.folder.resolve().parent:
                    raise SystemExit(f"the user postgres cannot pass {above}; name another folder")
                above.chmod(above.stat().st_mode | 0o011)

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        command = [*dies_with_us("INT", *self._as), str(self._programs / program), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")

    def _wait(self, seconds: float = 120.0) -> None:
        """Wait until it answers; after a kill it reads its log first."""
        assert psycopg is not None
        assert self._running is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._running.poll() is not None:
                raise SystemExit(f"postgres ended with {self._running.returncode}; try {self.folder} by hand")
            with suppress(psycopg.OperationalError), psycopg.connect(self.address):
                return
            time.sleep(0.2)
        raise SystemExit(f"postgres does not answer after {seconds:.0f} s")


class PostgresKeeper:
    """Fills a server's tables."""

    name = "postgres"

    def __init__(self, server: Server) -> None:
        assert psycopg is not None
        self.database = psycopg.connect(server.address, autocommit=True)
        self.database.execute(SCHEMA)

    def reached(self) -> int:
        found = self.database.execute("SELECT revision FROM reached").fetchone()
        return int(found[0]) if found else 0

    def take(self, rows: Sequence[Row], until: int) -> None:
        with self.database.transaction(), self.database.cursor() as cursor:
            cursor.execute("TRUNCATE coming")
            with cursor.copy(f"COPY coming({KEPT}, title, body, up, json) FROM STDIN".encode()) as copy:
                for row in rows:
                    entry = row.entry
                    copy.write_row(
                        (entry["rid"], entry["newest"], row.one("source"), row.one("kind"),
                         row.one("license"), row.one("access"), entry.get("year"), entry["version"],
                         entry["family"], entry["organism"], entry["imaging_method"], entry["keyword"],
                         row.title, row.text, row.up, row.json)
                    )  # fmt: skip
            cursor.execute(TAKE.encode())
            cursor.execute("UPDATE reached SET revision = %s, is_finished = false", (until,))

    def finish(self) -> None:
        found = self.database.execute("SELECT is_finished FROM reached").fetchone()
        if found is None or not found[0]:
            for statement in FINISH:
                self.database.execute(statement.encode())
        self.database.close()


class Postgres:
    """Asks a server that was filled."""

    name = "postgres"

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._own = threading.local()

    def ask(self, question: Question) -> int:
        """Answer a question: hits with their records, total, facets; returns the total."""
        text = LANGUAGE.write(question.meaning)
        if question.facets:
            return self._with_facets(question, text)
        if question.group:
            return self._grouped(question.group, text)
        if question.by_date:
            return self._by_date(question, text)
        best = self._all(
            "SELECT rid, count(*) OVER () FROM doc, to_tsquery('plain', %s) AS query WHERE words @@ query"
            " ORDER BY ts_rank(words, query) DESC LIMIT %s",
            (text, SIZE),
        )
        self._records([rid for rid, _ in best])
        return int(best[0][1]) if best else 0

    def _by_date(self, question: Question, text: str) -> int:
        self._all(
            "SELECT json FROM doc WHERE words @@ to_tsquery('plain', %s) AND newest < %s"
            " ORDER BY newest DESC LIMIT %s",
            (text, question.after or 1 << 62, SIZE),
        )
        counted = self._all("SELECT count(*) FROM doc WHERE words @@ to_tsquery('plain', %s)", (text,))
        return int(counted[0][0])

    def _grouped(self, group: str, text: str) -> int:
        best = self._all(
            f"WITH best AS MATERIALIZED (SELECT DISTINCT ON ({group}) rid, ts_rank(words, query) AS score"
            f" FROM doc, to_tsquery('plain', %s) AS query WHERE words @@ query ORDER BY {group}, score DESC)"
            " SELECT rid, (SELECT count(*) FROM best) FROM best ORDER BY score DESC LIMIT %s",
            (text, SIZE),
        )
        self._records([rid for rid, _ in best])
        return int(best[0][1]) if best else 0

    def _with_facets(self, question: Question, text: str) -> int:
        where, values = "", list[object]([text])
        if question.license and question.years:
            where = " AND license = %s AND year BETWEEN %s AND %s"
            values += [question.license, *question.years]
        counts = [
            f"(SELECT '{name}', {_value(name)} AS value, count(*)::float FROM hit GROUP BY value"
            " ORDER BY 3 DESC LIMIT 10)"
            for name in question.facets
        ]
        rows = self._all(
            "WITH hit AS MATERIALIZED (SELECT rid, ts_rank(words, query) AS score,"
            f" {', '.join(question.facets)} FROM doc, to_tsquery('plain', %s) AS query"
            f" WHERE words @@ query{where})"
            f" (SELECT '', rid::text, score FROM hit ORDER BY score DESC LIMIT {SIZE})"
            f" UNION ALL SELECT 'total', '', count(*) FROM hit UNION ALL {' UNION ALL '.join(counts)}",
            values,
        )
        self._records([int(value) for name, value, _ in rows if not name])
        return next(int(count) for name, _, count in rows if name == "total")

    def _records(self, rids: Sequence[int]) -> None:
        self._all("SELECT json FROM doc WHERE rid = ANY(%s)", (list(rids),))

    def _all(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._database().execute(statement.encode(), values).fetchall()

    def _database(self) -> psycopg.Connection[tuple[Any, ...]]:
        if not hasattr(self._own, "database"):
            # Prepared, a query would be planned without its words, and rare ones need other plans.
            self._own.database = psycopg.connect(self._address, autocommit=True, prepare_threshold=None)
        return self._own.database  # type: ignore[no-any-return]


def _value(facet: str) -> str:
    return f"unnest({facet})" if facet in SEVERAL else f"{facet}::text"
