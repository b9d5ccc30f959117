"""Every kind of damage, done on purpose: the check finds it, says where, and mends what can be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from index import intake
from index import tables as t
from index.batch import Outcome, Unread
from index.check import check_store
from index.damage import MEANINGS, Tally
from index.engines.tantivy import TantivyEngine, discard
from index.mend import NO_DIGEST, mend_engine, mend_store
from index.prepared import digest_of, prepare
from index.reconcile import check_engine
from index.record import Identifier, Record, Related, Withdrawal
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from tests.index.filling import fill, set_aside

Break = Callable[[sa.Connection], object]


def record(number: int, title: str = "Title", withdrawn: Withdrawal | None = None) -> Record:
    return Record(
        id=f"demo:{number}",
        source="demo",
        title=f"{title} {number}",
        identifiers=(Identifier(scheme="doi", value=f"10.1234/{number}"),),
        related=(Related(relation="IsPartOf", scheme="doi", id="10.1234/all"),),
        withdrawn=withdrawn,
    )


def from_the_text(_source: str, batch: Sequence[Unread]) -> list[Outcome]:
    """Read documents as `fill` wrote them: each is its record's JSON."""
    read = [(waiting, Record.model_validate_json(waiting.raw.body)) for waiting in batch]
    return [Outcome(waiting.did, waiting.digest, prepare(found)) for waiting, found in read]


@dataclass
class Desk:
    """A store and its index, to be damaged and looked at."""

    store: Store
    engine: TantivyEngine

    def look(self) -> Tally:
        tally = Tally()
        check_store(self.store, tally)
        check_engine(self.store, self.engine, tally)
        return tally

    def found(self) -> dict[str, int]:
        return {damage.kind: damage.count for damage in self.look().damage}

    def mend(self) -> dict[str, int]:
        tally = self.look()
        mend_store(self.store, tally, from_the_text)
        mend_engine(self.store, self.engine, tally)
        return self.found()

    def damage(self, *statements: str) -> None:
        with self.store.transaction() as connection:
            for statement in statements:
                sql = statement.format(ONE=ONE, RID=RID, DID=DID)
                assert connection.exec_driver_sql(sql).rowcount != 0, sql

    def ids(self) -> set[str]:
        answer = Catalogue(self.store, self.engine).search(Request(size=100))
        assert answer.total == len(answer.hits)
        return {hit.kept.id for hit in answer.hits}


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    """Ten records; two changed since, one withdrawn; two documents in quarantine; all indexed."""
    fill(store, [record(n) for n in range(10)])
    fill(store, [record(1, "Changed"), record(2, "Changed")])
    fill(store, [record(3, withdrawn=Withdrawal(reason="retracted"))])
    set_aside(store, {"odd": b'{"odd": 1}', "odder": b'{"odd": 2}'})
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    yield Desk(store, engine)
    engine.close()


def test_a_whole_node_is_found_whole(desk: Desk) -> None:
    tally = desk.look()
    assert tally.damage == []
    assert tally.checked == {"documents": 12, "records": 10, "versions": 3, "entries": 13}
    assert tally.behind == 0


def test_an_index_that_is_behind_is_told_and_is_no_damage(desk: Desk) -> None:
    fill(desk.store, [record(4, "Newer"), record(20), record(5, withdrawn=Withdrawal(reason="retracted"))])
    tally = desk.look()
    assert tally.damage == []
    assert tally.behind == 3


def test_an_index_that_never_was_is_behind_by_everything(desk: Desk) -> None:
    desk.engine.clear()
    tally = desk.look()
    assert (tally.damage, tally.behind) == ([], desk.store.revision())


# ---- each kind of damage: what is done, what is found, what is left after mending ------------

ONE = "WHERE id = 'demo:4'"
RID = "(SELECT rid FROM records WHERE id = 'demo:4')"
DID = "(SELECT did FROM records WHERE id = 'demo:4')"

MENDED: list[tuple[str, tuple[str, ...], str]] = [
    ("payload", ("UPDATE records SET payload = x'0011' {ONE}",), "a payload that is no zstd frame"),
    (
        "payload",
        ("UPDATE records SET payload = (SELECT payload FROM records WHERE id = 'demo:5') {ONE}",),
        "a payload of another record",
    ),
    ("payload", ("UPDATE records SET hash = zeroblob(16) {ONE}",), "a digest that is not the payload's"),
    ("names", ("DELETE FROM identifiers WHERE rid = {RID}",), "identifiers gone"),
    ("names", ("INSERT INTO identifiers VALUES ({RID}, 'doi', '10.1/other')",), "one identifier too many"),
    ("names", ("UPDATE links SET value = '10.1234/none' WHERE rid = {RID}",), "a link that leads elsewhere"),
    ("stray names", ("INSERT INTO identifiers VALUES (999, 'doi', '10.1/x')",), "an identifier of nobody"),
    ("stray names", ("INSERT INTO links VALUES (999, 'Cites', 'doi', '10.1/x')",), "a link of nobody"),
    ("document", ("UPDATE records SET did = 9999 {ONE}",), "a document that is not there"),
    (
        "document",
        ("UPDATE records SET did = (SELECT did FROM records WHERE id = 'demo:5') {ONE}",),
        "a document of another record",
    ),
    ("revision", ("UPDATE meta SET value = '12' WHERE key = 'revision'",), "a revision set back"),
    ("quarantine", ("DELETE FROM quarantine WHERE upstream_id = 'odd'",), "a document without its reason"),
    ("quarantine", ("DELETE FROM documents WHERE upstream_id = 'odd'",), "a reason without its document"),
    (
        "old version",
        ("UPDATE versions SET payload = x'0102' WHERE rid = (SELECT rid FROM records WHERE id = 'demo:1')",),
        "an old version that is no zstd frame",
    ),
]


@pytest.mark.parametrize(
    ("kind", "statements"), [case[:2] for case in MENDED], ids=[case[2] for case in MENDED]
)
def test_damage_to_the_store_is_found_once_and_mended(
    kind: str, statements: tuple[str, ...], desk: Desk
) -> None:
    before = desk.ids()
    desk.damage(*statements)
    assert desk.found()[kind] == 1
    assert desk.mend() == {}
    assert desk.ids() == before


NOT_MENDED: list[tuple[str, tuple[str, ...], str]] = [
    (
        "span",
        ("UPDATE versions SET to_revision = from_revision",),
        "versions that end when they begin",
    ),
    ("span", ("UPDATE versions SET to_revision = 500 WHERE from_revision = 2",), "a version too long"),
    ("span", ("INSERT INTO versions SELECT 999, 1, 2, payload FROM versions LIMIT 1",), "of no record"),
    ("misplaced", ("UPDATE records SET state = 'withdrawn' {ONE}",), "a state that the record denies"),
    ("misplaced", ("UPDATE records SET id = 'demo:other' {ONE}",), "an id that the record denies"),
    ("text lost", ("UPDATE documents SET raw = NULL WHERE did = {DID}",), "a text that is not there"),
]


@pytest.mark.parametrize(
    ("kind", "statements"), [case[:2] for case in NOT_MENDED], ids=[case[2] for case in NOT_MENDED]
)
def test_what_cannot_be_mended_is_still_told_after_mending_with_advice(
    kind: str, statements: tuple[str, ...], desk: Desk
) -> None:
    desk.damage(*statements)
    assert kind in desk.found()
    assert kind in desk.mend()
    assert "headwater" in MEANINGS[kind].advice


def test_a_record_no_longer_taken_for_one_is_found(desk: Desk) -> None:
    with desk.store.transaction() as connection:
        body = b'{"id": "demo:4", "source": "demo", "colour": "red"}'
        written = {"payload": desk.store.blobs.pack("demo record", body), "hash": digest_of(body)}
        connection.execute(t.records.update().where(t.records.c.id == "demo:4").values(**written))
    assert desk.found() == {"invalid": 1}
    assert desk.mend() == {"invalid": 1}


def test_a_damaged_text_is_forgotten_so_that_the_next_harvest_keeps_it_anew(desk: Desk) -> None:
    desk.damage("UPDATE documents SET raw = x'28B52FFD00' WHERE did = {DID}")
    assert desk.found() == {"text": 1}
    assert desk.mend() == {"text lost": 1}
    with desk.store.reading() as connection:
        row = connection.execute(sa.select(t.documents).where(t.documents.c.raw.is_(None))).one()
    assert (row.hash, row.mapping_version) == (NO_DIGEST, 0)
    fill(desk.store, [record(4)])  # the upstream lists it again, with the same bytes
    assert desk.found() == {}


def test_a_text_of_other_bytes_than_came_is_found(desk: Desk) -> None:
    desk.damage(
        "UPDATE documents SET raw = (SELECT raw FROM documents WHERE upstream_id = 'demo:5')"
        " WHERE did = {DID}"
    )
    assert desk.found() == {"text": 1}


def test_a_damaged_text_that_waits_to_be_read_stops_no_harvest(desk: Desk) -> None:
    desk.damage("UPDATE documents SET raw = x'28B52FFD00', state = 'unread' WHERE did = {DID}")
    assert desk.mend() == {"text lost": 1}
    assert intake.unread(desk.store, "demo", 10) == []
    assert "asks for it again" in desk.store.quarantined("demo")[0]["reason"]
    fill(desk.store, [record(4)])
    assert desk.found() == {}


def test_a_payload_is_put_back_as_it_was_without_a_new_revision(desk: Desk) -> None:
    before, kept = desk.store.revision(), desk.store.get("demo:4")
    desk.damage("UPDATE records SET payload = x'00' {ONE}")
    desk.mend()
    assert (desk.store.revision(), desk.store.get("demo:4")) == (before, kept)


def test_a_record_of_which_nothing_can_be_read_is_let_go_and_comes_back(desk: Desk) -> None:
    desk.damage(
        "UPDATE documents SET raw = x'00' WHERE did = {DID}", "UPDATE records SET payload = x'00' {ONE}"
    )
    assert desk.found() == {"payload": 1, "text": 1}
    assert desk.mend() == {"text lost": 1}  # what is left waits for the harvest, and the index is whole
    assert "demo:4" not in desk.ids()
    fill(desk.store, [record(4)])
    sync(desk.store, desk.engine)
    assert "demo:4" in desk.ids()
    assert desk.found() == {}


def test_a_damaged_index_of_sqlite_is_found_and_made_again(desk: Desk) -> None:
    with desk.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX links_by_value ON links (relation)'"
            " WHERE name = 'links_by_value'"  # so SQLite takes the entries it has for wrong
        )
        connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    desk.store.engine.dispose()
    assert "file" in desk.found()
    assert desk.mend() == {}


def test_pages_overwritten_are_found(desk: Desk) -> None:
    with desk.store.reading() as connection:
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'links'").scalar()
    with desk.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.store.engine.dispose()
    with desk.store.path.open("r+b") as file:
        file.seek((int(root or 0) - 1) * 4096)
        file.write(b"\x5a" * 4096)
    assert "file" in desk.found()


# ---- the index -------------------------------------------------------------------------------


def remove(desk: Desk, *rids: int) -> None:
    desk.engine.write([], [], rids, desk.engine.revision())


def test_a_record_missing_from_the_index_is_found_and_indexed_again(desk: Desk) -> None:
    remove(desk, 5)
    assert desk.found() == {"index": 1, "index totals": 2}
    assert desk.look().found["index"].examples == ["demo:4"]
    assert desk.mend() == {}
    assert "demo:4" in desk.ids()


def test_a_record_twice_in_the_index_is_found_and_mended(desk: Desk) -> None:
    entry = {"key": "5.5", "rid": 5, "from_revision": 5, "to_revision": 1 << 62, "source": ["demo"]}
    desk.engine.write([entry], [], [], desk.engine.revision())
    assert desk.found()["index"] == 1
    assert desk.mend() == {}
    assert len(desk.ids()) == 9


def test_a_record_in_the_index_of_which_the_store_knows_nothing_is_found_and_removed(desk: Desk) -> None:
    entry = {"key": "77.5", "rid": 77, "from_revision": 5, "to_revision": 1 << 62, "source": ["demo"]}
    desk.engine.write([entry], [], [], desk.engine.revision())
    assert "the store knows nothing" in desk.look().found["index"].examples[0]
    assert desk.mend() == {}


def test_an_old_version_that_the_index_takes_for_current_is_found_and_mended(desk: Desk) -> None:
    before = desk.ids()
    (old,) = [row for row in desk.engine.snapshot().held(2, 2) if row[2] != 1 << 62]
    entry = {
        "key": f"2.{old[1]}",
        "rid": 2,
        "from_revision": old[1],
        "to_revision": 1 << 62,
        "source": ["demo"],
    }
    desk.engine.write([], [entry], [], desk.engine.revision())
    assert desk.found()["index"] == 1
    assert desk.mend() == {}
    assert desk.ids() == before


def test_an_index_emptied_behind_its_mark_is_found_and_made_again(desk: Desk) -> None:
    remove(desk, *range(1, 11))
    assert desk.found()["index"] == 10
    assert desk.mend() == {}
    assert len(desk.ids()) == 9


def test_an_index_of_another_state_of_the_store_is_found(desk: Desk) -> None:
    """As after a store was put back by hand, and went on, before the index looked."""
    with desk.store.transaction() as connection:
        connection.execute(t.records.update().where(t.records.c.id == "demo:9").values(revision=40))
        connection.execute(t.meta.update().where(t.meta.c.key == "revision").values(value="40"))
    desk.engine.write([], [], [], 40)
    assert desk.found() == {"index": 1}
    assert desk.mend() == {}


def test_an_index_whose_files_are_cut_short_is_found_and_made_again(store: Store, tmp_path: Path) -> None:
    fill(store, [record(n) for n in range(10)])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    engine.close()
    (tmp_path / "index" / "meta.json").write_text("{")
    tally = Tally()
    with pytest.raises(ValueError, match="meta"):
        TantivyEngine(tmp_path / "index")
    discard(tmp_path / "index")
    engine = TantivyEngine(tmp_path / "index", writing=True)
    mend_engine(store, engine, tally)
    assert Desk(store, engine).found() == {}
    assert len(Desk(store, engine).ids()) == 10
    engine.close()


def test_what_changes_while_it_is_checked_is_no_damage(desk: Desk) -> None:
    turns = iter(range(100))

    def change(*_: object) -> None:
        fill(desk.store, [record(n, f"Turn {next(turns)}") for n in range(4)])

    tally = Tally()
    check_store(desk.store, tally, change)
    check_engine(desk.store, desk.engine, tally, change)
    assert next(turns) > 3
    assert tally.damage == []
