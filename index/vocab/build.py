"""Tables of terms made from published ontologies, in place of the bundled ones.

The bundled table is the ground: its names were chosen for what depositors write, so it is kept and the files
are laid over it. A file's label and parents count, names of both are kept, and a name that two terms bear is
left to the bundled term, else to the term whose label it is, else to none. Terms that are obsolete lead to
the one that replaced them; without one they are left out. Ids decide which table a class belongs to; a class
of another ontology (EDAM) lends its names to the one term that bears its label or an exact name of it.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from index import vocab
from index.spelling import key
from index.vocab.published import Term, Unreadable, read
from index.vocab.tables import Row, fold

PREFIXES = {"NCBITaxon": "organisms", "FBbi": "imaging_methods"}
GROUND, LABEL, EXACT, NEAR = range(4)
"""How much a name counts: bundled, a label, an exact name, a narrower or related one."""

NOT_WORDS = {"genus", "subgenus", "species", "subspecies", "strain", "no rank", "varietas", "forma"}
"""Taxa whose one-word label stays out of texts unless bundled: "Data", "This" and "Cancer" are genera."""

SHORTEST_WORD = 3
"""Characters; names of files as short as this ("PI", "TR", "AO") mean too much else in a text."""

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE term (id TEXT PRIMARY KEY, label TEXT NOT NULL, names TEXT NOT NULL, parents TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE replaced (id TEXT PRIMARY KEY, current TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE said (name TEXT NOT NULL, id TEXT NOT NULL, weight INTEGER NOT NULL);
CREATE TABLE spoken (name TEXT NOT NULL, id TEXT NOT NULL, weight INTEGER NOT NULL);
"""

_DECIDE = """
CREATE INDEX {of}_names ON {of} (name, weight, id);
CREATE TABLE {into} (name TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO {into} SELECT best.name, min({of}.id)
    FROM (SELECT name, min(weight) AS weight FROM {of} GROUP BY name) AS best
    JOIN {of} ON {of}.name = best.name AND {of}.weight = best.weight
    GROUP BY best.name HAVING count(DISTINCT {of}.id) = 1;
DROP TABLE {of};
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one table was made of."""

    name: str
    terms: int
    names: int
    replaced: int
    files: tuple[str, ...]
    loaded_at: str


def update(folder: Path, files: Sequence[Path]) -> list[Loaded]:
    """Make the tables that these files speak of; a table takes the old one's place whole or not at all.

    Raises:
        Unreadable: a file is no ontology, or holds nothing of our vocabularies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers = {name: _Maker(folder, name) for name in vocab.KEPT}
    try:
        lending = {file.name: _sort_in(file, makers) for file in files}
        for name, terms in lending.items():
            makers["imaging_methods"].lend(terms, name)
        return [maker.finish() for maker in makers.values() if maker.files]
    finally:
        for maker in makers.values():
            maker.close()


def reset(folder: Path) -> list[str]:
    """Go back to the bundled tables; answer which were in use."""
    files = {name: vocab.kept_file(folder, name) for name in vocab.KEPT}
    gone = [name for name, file in files.items() if file is not None and file.is_file()]
    for name in gone:
        (folder / f"{name}.sqlite").unlink()
    return gone


def loaded(folder: Path) -> list[Loaded]:
    """List the tables that stand in a folder."""
    found = []
    for name in vocab.KEPT:
        file = folder / f"{name}.sqlite"
        if file.is_file():
            with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as opened:
                about = dict(opened.execute("SELECT name, value FROM about").fetchall())
            found.append(
                Loaded(name, int(about["terms"]), int(about["names"]), int(about["replaced"]),
                       tuple(about["files"].split("\n")), about["loaded_at"])
            )  # fmt: skip
    return found


def _sort_in(file: Path, makers: dict[str, _Maker]) -> list[Term]:
    """Hand each term to the table of its prefix; answer those of EDAM, which has no table of its own."""
    lending: list[Term] = []
    counts: Counter[str] = Counter()
    for term in read(file):
        name = PREFIXES.get(term.id.partition(":")[0])
        if name is not None:
            makers[name].add(term)
            counts[name] += 1
        elif term.id.startswith("http://edamontology.org/topic_") and not term.obsolete:
            lending.append(term)
    if not counts and not lending:
        known = ", ".join(PREFIXES)
        raise Unreadable(f"{file}: holds no term of {known} and no topic of EDAM")
    for name in counts:
        makers[name].files.append(file.name)
    return lending


class _Maker:
    """Makes one table in a file beside the one it replaces."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.files = name, list[str]()
        self._file, self._new = folder / f"{name}.sqlite", folder / f"{name}.new"
        self._new.unlink(missing_ok=True)
        self._to = sqlite3.connect(self._new, isolation_level=None)
        # Nobody reads the new file before it is whole; written in one go, it needs no journal.
        self._to.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + _SCHEMA)
        self._ground = vocab.bundled(name)
        for row in self._ground.rows.values():
            self._write(row, [(each, GROUND, True) for each in row.names])

    def add(self, term: Term) -> None:
        """Lay one term over what is there."""
        if term.obsolete and term.replaced_by:
            self._to.execute("INSERT OR REPLACE INTO replaced VALUES (?, ?)", (term.id, term.replaced_by))
        if term.obsolete or not term.label:
            return
        ground = self._ground.row(term.id)
        weighted = dict.fromkeys(term.near, NEAR) | dict.fromkeys(term.exact, EXACT)
        weighted[term.label] = LABEL
        names = dict.fromkeys((term.label, *term.exact, *term.near, *(ground.names if ground else ())))
        parents = dict.fromkeys((*term.parents, *(ground.parents if ground else ())))
        parents.pop(term.id, None)
        row = Row(term.id, term.label, tuple(names), tuple(parents))
        # A narrower name is looked for in place of its term, but does not stand for all of it.
        is_word = {name: weight != NEAR and _is_word(term, name) for name, weight in weighted.items()}
        self._write(row, [(name, weight, is_word[name]) for name, weight in weighted.items()])

    def lend(self, terms: Iterable[Term], file: str) -> None:
        """Give names of another ontology's classes to the terms they name; the rest has no place here."""
        self._to.execute("CREATE INDEX IF NOT EXISTS said_by_name ON said (name)")
        for term in terms:
            ids = {id_ for name in (term.label, *term.exact) for id_ in self._bearers(name)}
            if len(ids) == 1:
                near = {part: False for name in term.near for part in _parts(name)}
                self._lend(ids.pop(), near | {part: True for name in term.exact for part in _parts(name)})
                self.files += [file] if file not in self.files else []

    def finish(self) -> Loaded:
        """Decide which name stands for which term, and take the old table's place."""
        for of, into in (("said", "named"), ("spoken", "keyed")):
            for statement in _DECIDE.format(of=of, into=into).split(";"):
                self._to.execute(statement)
        terms, names, replaced = (
            int(self._to.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # ours
            for table in ("term", "named", "replaced")
        )
        made = Loaded(
            self.name, terms, names, replaced, tuple(self.files),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        about = {
            "fingerprint": self._fingerprint(), "terms": terms, "names": names, "replaced": replaced,
            "files": "\n".join(made.files), "loaded_at": made.loaded_at,
        }  # fmt: skip
        self._to.executemany("INSERT INTO about VALUES (?, ?)", [(n, str(v)) for n, v in about.items()])
        self._to.execute("COMMIT")
        self._to.close()
        self._new.replace(self._file)
        return made

    def close(self) -> None:
        """Let go; what was not finished leaves nothing."""
        self._to.close()
        self._new.unlink(missing_ok=True)

    def _fingerprint(self) -> str:
        """Answer a digest of what the table says, so that the same files loaded again change nothing."""
        digest = hashlib.blake2b(digest_size=8)
        for table in ("term", "replaced", "named", "keyed"):
            for row in self._to.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608  # ours
                digest.update(repr(row).encode())
        return digest.hexdigest()

    def _lend(self, id_: str, names: Mapping[str, bool]) -> None:
        held = self._to.execute("SELECT label, names, parents FROM term WHERE id = ?", (id_,)).fetchone()
        more = [name for name in names if not self._bearers(name)]
        row = Row(id_, held[0], (*held[1].split("\n"), *more), tuple(filter(None, held[2].split("\n"))))
        self._write(row, [(name, NEAR, names[name] and len(name) > SHORTEST_WORD) for name in more])

    def _bearers(self, name: str) -> set[str]:
        return {id_ for (id_,) in self._to.execute("SELECT id FROM said WHERE name = ?", (fold(name),))}

    def _write(self, row: Row, names: Sequence[tuple[str, int, bool]]) -> None:
        self._to.execute(
            "INSERT OR REPLACE INTO term VALUES (?, ?, ?, ?)",
            (row.id, row.label, "\n".join(row.names), "\n".join(row.parents)),
        )
        said = [(fold(name), row.id, weight) for name, weight, _ in names]
        spoken = [(key(name), row.id, weight) for name, weight, is_word in names if is_word]
        self._to.executemany("INSERT INTO said VALUES (?, ?, ?)", said)
        self._to.executemany("INSERT INTO spoken VALUES (?, ?, ?)", spoken)


def _is_word(term: Term, name: str) -> bool:
    """Tell whether a name may mean its term in any text: no short sign, no genus that is also a word."""
    is_common = name != term.label or term.rank not in NOT_WORDS
    return len(name) > SHORTEST_WORD and (is_common or " " in name)


def _parts(name: str) -> Iterator[str]:
    """Yield a name, and where it bears an abbreviation in parentheses, the two apart."""
    found = re.fullmatch(r"(.+) \(([\w-]+)\)", name)
    yield from (found.groups() if found else (name,))
