"""The benchmark of search: its records, its questions, and how peers are asked, are what its figures say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import cold, postgres, sqlite
from benchmarks.building import fill_store, held_in, held_of
from benchmarks.corpus import BLOCK, Corpus, families
from benchmarks.peers import Row, fill
from benchmarks.questions import ABOVE, KINDS, Question, names, questions
from benchmarks.sqlite import SqliteFts, SqliteKeeper
from index.engines.tantivy import TantivyEngine
from index.families.claims import claims_of
from index.families.grouping import Member, group
from index.query import parse
from index.store import Store
from index.sync import entries, sync

RECORDS = 2 * BLOCK


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus()


@pytest.fixture(scope="module")
def filled(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with records, indexed, and the same records in SQLite."""
    folder = tmp_path_factory.mktemp("corpus")
    with Store(folder / "store.sqlite") as store:
        list(fill_store(store, corpus, RECORDS, 0))
        engine = TantivyEngine(folder / "index", writing=True)
        sync(store, engine)
        engine.close()
        fill(store, [SqliteKeeper(folder / "peer.sqlite")])
    return folder


# ---- the records -------------------------------------------------------------------------------


def test_fifteen_of_a_hundred_records_are_in_families_of_two_to_five() -> None:
    for block in (0, 7):
        members = families(1, block)
        assert len(members) == BLOCK * 15 // 100
        assert {len(family.numbers) for family in members.values()} <= {2, 3, 4, 5}
        assert all(block * BLOCK < number <= (block + 1) * BLOCK for number in members)


def test_the_catalogue_groups_them_as_they_were_made(corpus: Corpus) -> None:
    records = {number: corpus.record(number) for number in range(1, BLOCK + 1)}
    found = group([Member(n, r.id, r.source, claims_of(r)) for n, r in records.items()])
    made = families(corpus.seed, 0)
    copies = 0
    for number, record in records.items():
        own = made[number].numbers if number in made else (number,)
        of_family = [n for n in records if found.family[records[n].id] == found.family[record.id]]
        assert tuple(of_family) == own
        if number in made and made[number].has_copy and number == own[-1]:
            copies += 1
            assert record.source != records[own[0]].source
            own = (number,)
        elif number in made and made[number].has_copy:
            own = own[:-1]
        of_version = [n for n in records if found.version[records[n].id] == found.version[record.id]]
        assert tuple(of_version) == own
    assert copies > 5


def test_a_record_depends_on_its_number_alone(corpus: Corpus) -> None:
    assert list(Corpus().records(30, after=20)) == [corpus.record(number) for number in range(21, 31)]


def test_terms_stand_below_others_so_that_hierarchies_find_them(corpus: Corpus, filled: Path) -> None:
    engine = TantivyEngine(filled / "index")
    snapshot = engine.snapshot()
    for field, term in ABOVE:
        query = Question("hierarchy", (), above=(field, term)).whole
        found = snapshot.search(
            query, at=snapshot.revision, sort="newest", size=1, after=None, facets=(), facet_size=1
        )
        assert found.total > 0, term


def test_filling_that_was_stopped_within_a_page_goes_on_and_doubles_nothing(
    corpus: Corpus, tmp_path: Path
) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        list(fill_store(store, corpus, 500, 0))  # a page is larger, so this one is not whole
        list(fill_store(store, corpus, BLOCK, held_in(store)))
        assert held_in(store) == BLOCK
        assert store.revision() > BLOCK  # families take revisions of their own


def test_a_folder_with_other_records_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        assert held_of(store, corpus, BLOCK, tmp_path) == 0
        list(fill_store(store, corpus, BLOCK, 0))
        assert held_of(store, corpus, 2 * BLOCK, tmp_path) == BLOCK
        with pytest.raises(SystemExit, match="another corpus"):
            held_of(store, Corpus(seed=2), BLOCK, tmp_path)
        with pytest.raises(SystemExit, match="multiple of 1,000"):
            held_of(store, corpus, 1500, tmp_path)


# ---- the questions -----------------------------------------------------------------------------


def test_no_question_is_asked_twice_and_all_are_the_same_the_next_time(corpus: Corpus) -> None:
    for kind in KINDS:
        asked = [question.path() for question in questions(corpus, kind, 50)]
        assert len(set(asked)) == 50
        assert asked == [question.path() for question in questions(Corpus(), kind, 50)]


def test_a_node_is_told_to_do_no_more_than_the_peers_as_far_as_it_knows_how() -> None:
    question = Question("one word", ("actin",))
    assert "collapse" not in question.path()
    known = frozenset({"collapse", "expand"})
    assert question.path(known).endswith("&expand=no&collapse=none")
    assert "collapse=family" in Question("families", ("actin",)).path(known)
    assert "expand=yes" in Question("expansion", ("mouse",)).path(known)


def test_every_name_that_is_asked_for_stands_for_a_term() -> None:
    assert "zebrafish" in names()
    assert len(names()) > 8


def test_peers_are_asked_for_what_a_name_stands_for() -> None:
    meaning = Question("expansion", ("zebrafish", "embryo")).meaning
    assert '("zebrafish" OR up : "ncbitaxon7955" OR "danio rerio"' in sqlite.LANGUAGE.write(meaning)
    assert "(zebrafish | ncbitaxon7955 | (danio <-> rerio)" in postgres.LANGUAGE.write(meaning)


def test_what_no_peer_can_be_asked_is_an_error_and_no_other_question() -> None:
    with pytest.raises(TypeError, match="cannot be asked"):
        sqlite.LANGUAGE.write(parse("micro*"))


# ---- the peers ---------------------------------------------------------------------------------


def test_sqlite_gives_the_totals_that_the_engine_gives(corpus: Corpus, filled: Path) -> None:
    snapshot, peer = TantivyEngine(filled / "index").snapshot(), SqliteFts(filled / "peer.sqlite")
    totals = Counter[str]()
    for kind in ("one word", "three words", "phrase", "filter and six facets", "hierarchy", "expansion"):
        for question in questions(corpus, kind, 8):
            found = snapshot.search(
                question.whole,
                at=snapshot.revision,
                sort="newest",
                size=1,
                after=None,
                facets=(),
                facet_size=1,
            )
            assert peer.ask(question) == found.total, question
            totals[kind] += found.total
    assert min(totals.values()) > 0


def test_a_group_is_one_hit_of_sqlite(corpus: Corpus, filled: Path) -> None:
    peer, question = SqliteFts(filled / "peer.sqlite"), Question("one word", ("the",))
    records, versions, kin = (
        peer.ask(Question(kind, question.words)) for kind in ("one word", "versions", "families")
    )
    assert records > versions > kin


def test_a_phrase_reaches_over_no_two_texts() -> None:
    row = Row({"title": ["a b"], "text": ["a b", "c-d"], "organism_up": [], "imaging_method_up": []}, b"")
    assert row.text == "a b 0seam0 c d"


def test_a_peer_that_was_stopped_goes_on_where_it_was(filled: Path, tmp_path: Path) -> None:
    with Store(filled / "store.sqlite") as store:
        current, _over = store.changes(0, 500)
        first = SqliteKeeper(tmp_path / "peer.sqlite")
        rows = [Row(made, kept.json) for made, kept in zip(entries(store, current), current, strict=True)]
        first.take(rows, 500)
        first.database.close()
        fill(store, [SqliteKeeper(tmp_path / "peer.sqlite")])
    one, other = SqliteFts(tmp_path / "peer.sqlite"), SqliteFts(filled / "peer.sqlite")
    question = Question("eight facets", ("the",))
    assert one.ask(question) == other.ask(question) > 500


def test_without_postgresql_the_benchmark_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "psycopg", None)
    with pytest.raises(postgres.Missing, match="pip install"):
        postgres.programs()


# ---- cold files --------------------------------------------------------------------------------


def test_a_dropped_file_is_out_of_memory_and_a_read_one_is_in_it(tmp_path: Path) -> None:
    kind = subprocess.run(
        ["/usr/bin/env", "stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True
    )
    if kind.stdout.strip() in {"tmpfs", "ramfs"}:
        pytest.skip("this folder is nowhere but in memory")
    file = tmp_path / "index"
    file.write_bytes(b"x" * 1_000_000)
    assert cold.resident([file]) == 1.0
    cold.drop([file])
    assert cold.resident([file]) < 0.1
    file.read_bytes()
    assert cold.resident([file]) > 0.9


def test_help_tells_how_to_measure() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.search", "--help"], capture_output=True, text=True, check=True
    )
    assert "--cold" in told.stdout
