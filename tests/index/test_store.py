"""The store: what comes in once stays once, and every change leaves its trace."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from index import intake, ledger
from index import tables as t
from index.batch import Outcome, Raw
from index.blobs import SAMPLES_WANTED
from index.engines.tantivy import TantivyEngine
from index.pauses import pauses
from index.record import Dates, Identifier, Record, Related, Withdrawal
from index.store import Store
from index.sync import rebuild, sync
from tests.index.filling import fill, read_as


def a(id_: str, **fields: Any) -> Record:
    return Record(id=f"demo:{id_}", source="demo", **{"title": f"Title {id_}", **fields})


def test_unchanged_content_changes_nothing(store: Store) -> None:
    assert fill(store, [a("1"), a("2")]) == {"added": 2}
    revision = store.revision()
    assert fill(store, [a("1"), a("2")]) == {}  # the documents are the same bytes: not even read
    assert store.revision() == revision


def test_a_new_reading_of_the_same_content_changes_nothing(store: Store) -> None:
    fill(store, [a("1")])
    run = ledger.begin_reread(store, "demo", origin="replica", scope="everything")
    (batch,) = intake.all_documents(store, "demo", 10)
    counts = intake.keep_readings(
        store, run, [read_as(batch[0], a("1", mapping_version=2))], source="demo", origin="replica",
        retrieved_at="2027-01-01T00:00:00Z", mapping_version=2, findings={},
    )  # fmt: skip
    assert dict(counts) == {"unchanged": 1}


def test_a_change_keeps_the_old_version_with_its_revisions(store: Store) -> None:
    fill(store, [a("1", title="first")])
    first = store.get("demo:1")
    fill(store, [a("1", title="second")])
    second = store.get("demo:1")
    assert first is not None
    assert second is not None
    assert second.revision == first.revision + 1
    old = store.fetch([(first.rid, first.revision)])[first.rid, first.revision]
    assert (old.record().title, old.to_revision) == ("first", second.revision)


def test_identifiers_and_links_follow_the_record(store: Store) -> None:
    fill(store, [a("1", identifiers=(Identifier(scheme="idr", value="idr0002"),), doi="10.1/x")])
    assert store.by_identifier("idr0002") == store.by_identifier("10.1/x", "doi") != []
    fill(store, [a("1", doi="10.1/y", related=(Related(relation="Cites", id="10.1/z"),))])
    assert store.by_identifier("10.1/x") == []
    with store.reading() as connection:
        assert connection.execute(sa.select(t.links.c.value)).scalars().all() == ["10.1/z"]


def test_a_tombstone_keeps_the_last_copy_and_the_record_may_come_back(store: Store) -> None:
    fill(store, [a("1", description="what it was")])
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    gone = {"demo:1": Withdrawal(date="2026-01-01", reason="retracted")}
    assert intake.withdraw(store, run.run_id, "demo", gone) == 1
    assert intake.withdraw(store, run.run_id, "demo", gone) == 0  # it is gone already
    ledger.end(store, run.run_id, state="complete")
    kept = store.get("demo:1")
    assert kept is not None
    assert kept.state == "withdrawn"
    assert kept.record().description == "what it was"
    assert kept.record().withdrawn == gone["demo:1"]
    assert fill(store, [a("1", description="what it was")]) == {"restored": 1}
    assert store.counts()["demo"] == {"current": 1}


def test_a_bare_notice_of_withdrawal_does_not_wipe_the_last_copy(store: Store) -> None:
    fill(store, [a("1", description="what it was")])
    fill(store, [Record(id="demo:1", source="demo", withdrawn=Withdrawal(reason="deleted"))])
    kept = store.get("demo:1")
    assert kept is not None
    assert (kept.state, kept.record().description) == ("withdrawn", "what it was")


def test_a_notice_of_withdrawal_of_something_never_held_adds_nothing(store: Store) -> None:
    fill(store, [Record(id="demo:9", source="demo", withdrawn=Withdrawal(reason="deleted"))])
    assert store.get("demo:9") is None


def test_pages_and_bookmark_are_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    monkeypatch.setattr("index.intake._count", _explode)
    with pytest.raises(RuntimeError):
        intake.keep_page(
            store, run.run_id, source="demo", url="u", asked_at="2026-01-01T00:00:00Z",
            raws=[Raw("1", b"{}", "application/json")], bookmark="after", announced=None,
            mapping_version=1,
        )  # fmt: skip
    assert store.source_states()["demo"].bookmark is None
    assert intake.unread(store, "demo", 10) == []


def _explode(*_args: Any) -> None:
    raise RuntimeError


def test_a_document_kept_but_not_read_waits(store: Store) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    intake.keep_page(
        store, run.run_id, source="demo", url="u", asked_at="2026-01-01T00:00:00Z",
        raws=[Raw("1", b'{"a": 1}', "application/json")], bookmark="after", announced=None,
        mapping_version=1,
    )  # fmt: skip
    (waiting,) = intake.unread(store, "demo", 10)
    assert waiting.raw == Raw("1", b'{"a": 1}', "application/json")
    assert store.source_states()["demo"].bookmark == "after"


def test_a_quarantined_document_keeps_its_text_and_leaves_when_it_can_be_read(store: Store) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    (waiting,) = intake.keep_page(
        store, run.run_id, source="demo", url="u", asked_at="2026-01-01T00:00:00Z",
        raws=[Raw("demo:1", b"odd", "application/json")], bookmark="b", announced=None,
        mapping_version=1,
    )  # fmt: skip
    keep: dict[str, Any] = {"source": "demo", "origin": "replica", "retrieved_at": "2026-01-01T00:00:00Z",
            "mapping_version": 1, "findings": {}}  # fmt: skip
    intake.keep_readings(store, run.run_id, [Outcome(waiting.did, waiting.digest, None, "no title")], **keep)
    (aside,) = store.quarantined("demo")
    assert aside["reason"] == "no title"
    intake.keep_readings(store, run.run_id, [read_as(waiting, a("1"))], **keep)
    assert store.quarantined() == []
    assert store.raw("demo:1") == (b"odd", "application/json")


def test_one_record_twice_in_a_batch_ends_as_the_last(store: Store) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    waiting = intake.keep_page(
        store, run.run_id, source="demo", url="u", asked_at="2026-01-01T00:00:00Z",
        raws=[Raw("x", b"1", "a/b"), Raw("y", b"2", "a/b")], bookmark="b", announced=None,
        mapping_version=1,
    )  # fmt: skip
    outcomes = [read_as(w, a("1", title=w.raw.upstream_id)) for w in waiting]
    intake.keep_readings(
        store, run.run_id, outcomes, source="demo", origin="replica", retrieved_at="2026-01-01T00:00:00Z",
        mapping_version=1, findings={},
    )  # fmt: skip
    kept = store.get("demo:1")
    assert kept is not None
    assert kept.record().title == "y"
    assert store.counts()["demo"] == {"current": 1}


def test_many_documents_are_compressed_with_a_trained_dictionary(store: Store) -> None:
    body = "a sentence that many documents share, more or less, with a number "
    wanted = [a(str(n), description=body * 5 + str(n)) for n in range(SAMPLES_WANTED + 50)]
    for start in range(0, len(wanted), 100):
        fill(store, wanted[start : start + 100])
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.dictionaries)).scalar_one() > 0
    assert store.get("demo:449") is not None
    with Store(store.path) as another:  # a process that was not there when the dictionary was trained
        kept = another.get("demo:449")
        assert kept is not None
        assert kept.record() == wanted[449].model_copy(update={"retrieved_at": kept.retrieved_at})


def test_a_reader_learns_of_a_dictionary_trained_after_it_opened(store: Store) -> None:
    with Store(store.path) as reader:
        test_many_documents_are_compressed_with_a_trained_dictionary(store)
        assert reader.get("demo:449") is not None


def test_two_processes_never_harvest_one_source(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    monkeypatch.setattr("index.ledger._alive", lambda _worker, _silent: True)
    with pytest.raises(ledger.Busy, match="is under way"):
        ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")


def test_a_run_whose_process_died_is_lost_and_the_next_goes_on(store: Store) -> None:
    first = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    with store.transaction() as connection:
        connection.execute(t.runs.update().values(worker=f"{socket.gethostname()}:999999:1"))
        connection.execute(t.sources.update().values(bookmark="half way"))
    second = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    assert (second.bookmark, second.harvest_run) == ("half way", first.run_id)
    assert [run["state"] for run in store.runs("demo")] == ["running", "lost"]


def test_another_kind_of_harvest_starts_afresh(store: Store) -> None:
    ledger.begin(store, "demo", origin="replica", scope="everything", kind="sample")
    with store.transaction() as connection:
        connection.execute(t.runs.update().values(state="partial"))
        connection.execute(t.sources.update().values(bookmark="half way"))
    assert ledger.begin(store, "demo", origin="replica", scope="everything", kind="full").bookmark is None


def test_forgetting_a_source_leaves_nothing_to_find(store: Store, tmp_path: Path) -> None:
    fill(store, [a("1", doi="10.1/x"), a("2")])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    assert intake.forget(store, "demo") == 2
    sync(store, engine)
    assert store.get("demo:1") is None
    assert store.by_identifier("10.1/x") == []
    assert engine.snapshot().searcher.num_docs == 0
    assert fill(store, [a("1")]) == {"added": 1}


def test_a_newer_store_is_refused(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(t.meta.update().where(t.meta.c.key == "schema_version").values(value="999"))
    with pytest.raises(t.StoreTooNew, match="upgrade"):
        Store(store.path)


def test_an_old_store_is_brought_forward(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, [a("1")])
    monkeypatch.setattr(t, "SCHEMA_VERSION", t.SCHEMA_VERSION + 1)
    monkeypatch.setitem(t.MIGRATIONS, t.SCHEMA_VERSION - 1, ("ALTER TABLE sources ADD COLUMN motto TEXT",))
    with Store(store.path) as brought, brought.reading() as connection:
        assert connection.execute(sa.text("SELECT motto FROM sources")).scalar_one() is None
        assert brought.get("demo:1") is not None


def test_a_store_of_version_1_becomes_like_a_new_one(store: Store) -> None:
    fill(store, [a("1")])
    new = _columns(store)
    with store.transaction() as connection:
        for table in (*t.NEW_IN_2, *t.NEW_IN_3):
            connection.exec_driver_sql(f"DROP TABLE {table.name}")
        for column in ("window_from", "window_until", "cancel_asked", "code", "unchanged_answers"):
            connection.exec_driver_sql(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.exec_driver_sql("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    with Store(store.path) as brought, brought.reading() as connection:
        assert _columns(brought) == new
        assert connection.execute(sa.select(t.moments.c.revision)).scalars().all() == [brought.revision()]


def test_a_store_of_version_2_becomes_like_a_new_one(store: Store) -> None:
    fill(store, [a("1")])
    new = _columns(store)
    with store.transaction() as connection:
        for table in t.NEW_IN_3:
            connection.exec_driver_sql(f"DROP TABLE {table.name}")
        connection.exec_driver_sql("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
    with Store(store.path) as brought:
        assert _columns(brought) == new
        assert pauses(brought) == {}


def _columns(store: Store) -> dict[str, set[str]]:
    seen = sa.inspect(store.engine)
    return {name: {column["name"] for column in seen.get_columns(name)} for name in seen.get_table_names()}


# ---- the engine follows the store --------------------------------------------------------------


def test_the_engine_is_made_again_when_its_fingerprint_differs(store: Store, tmp_path: Path) -> None:
    fill(store, [a("1")])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    engine.close()
    mark = tmp_path / "index" / "headwater.json"
    mark.write_text('{"fingerprint": "of another version", "revision": 1}')
    renewed = TantivyEngine(tmp_path / "index", writing=True)
    assert renewed.revision() == 0
    sync(store, renewed)
    assert renewed.snapshot().searcher.num_docs == 1


def test_a_batch_may_end_between_two_versions_of_a_record(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.sync.BATCH", 2)
    for title in ("one", "two", "three"):
        fill(store, [a(str(n), title=f"{title} {n}") for n in range(3)])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    stepwise = _entries(engine)
    rebuild(store, engine)
    assert _entries(engine) == stepwise
    assert len(stepwise) == 9  # three versions of three records


def test_a_commit_whose_mark_was_lost_is_not_doubled(store: Store, tmp_path: Path) -> None:
    fill(store, [a("1"), a("2")])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    engine._write_mark(0)  # as if the process was killed between the commit and its mark
    assert engine.revision() == 2
    assert sync(store, engine) == 0


def test_two_threads_that_bring_the_index_up_to_date_at_once_take_turns(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A harvest that ends looks after the index while the thread that did so all along may still be at it."""
    fill(store, [a(str(n)) for n in range(40)])
    monkeypatch.setattr("index.sync.BATCH", 2)
    engine = TantivyEngine(tmp_path / "index")
    with ThreadPoolExecutor(2) as threads:
        brought = [future.result() for future in [threads.submit(sync, store, engine) for _ in range(2)]]
    assert sorted(brought) == [0, 40]
    assert engine.snapshot().searcher.num_docs == 40


def test_what_another_process_brought_while_we_waited_for_its_lock_is_not_doubled(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, [a(str(n)) for n in range(5)])
    ours, theirs = TantivyEngine(tmp_path / "index"), TantivyEngine(tmp_path / "index")
    take_lock = ours._take_lock

    def only_after_them() -> Any:
        monkeypatch.setattr(ours, "_take_lock", take_lock)
        sync(store, theirs)
        theirs.close()
        return take_lock()

    monkeypatch.setattr(ours, "_take_lock", only_after_them)
    assert sync(store, ours) == 0
    assert ours.snapshot().searcher.num_docs == 5


def test_an_index_newer_than_its_store_is_made_again(store: Store, tmp_path: Path) -> None:
    fill(store, [a(str(n)) for n in range(5)])
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    with Store(tmp_path / "restored.sqlite") as restored:
        fill(restored, [a("x", dates=Dates(published="2020"))])
        sync(restored, engine)
    assert engine.snapshot().searcher.num_docs == 1


def _entries(engine: TantivyEngine) -> set[tuple[int, int, int]]:
    import tantivy

    searcher = engine.snapshot().searcher
    hits = searcher.search(tantivy.Query.all_query(), limit=1000).hits
    addresses = [address for _, address in hits]
    columns = [
        searcher.fast_field_values(name, addresses) for name in ("rid", "from_revision", "to_revision")
    ]
    return set(zip(*columns, strict=True))


def test_a_document_that_changed_while_it_was_read_is_read_again(store: Store) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    page: dict[str, Any] = {"source": "demo", "url": "u", "asked_at": "2026-01-01T00:00:00Z", "bookmark": "b",
            "announced": None, "mapping_version": 1}  # fmt: skip
    (first,) = intake.keep_page(store, run.run_id, raws=[Raw("1", b"first", "a/b")], **page)
    intake.keep_page(store, run.run_id, raws=[Raw("1", b"second", "a/b")], **page)
    intake.keep_readings(
        store, run.run_id, [read_as(first, a("1"))], source="demo", origin="replica",
        retrieved_at="2026-01-01T00:00:00Z", mapping_version=1, findings={},
    )  # fmt: skip
    (waiting,) = intake.unread(store, "demo", 10)
    assert waiting.raw.body == b"second"


def test_processes_that_open_a_new_store_at_once_agree(tmp_path: Path) -> None:
    command = f"from pathlib import Path; from index.store import Store; Store(Path({str(tmp_path / 's')!r}))"
    opening = [subprocess.Popen([sys.executable, "-c", command]) for _ in range(6)]
    assert [process.wait(60) for process in opening] == [0] * 6
