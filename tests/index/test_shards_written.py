"""Shards are written together: another number of them, a lost one, and writes that were killed midway."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from index import intake
from index.damage import Tally
from index.engines.tantivy import EngineBusy, TantivyEngine
from index.reconcile import check_engine
from index.record import Creator, Dates, Record, Related, Withdrawal
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from index.walk import Walk
from tests.index.filling import fill
from tests.index.sharded import EVERYTHING, SHARDS, a, check_equal, told
from tests.index.test_exact import lists, slow


def rows(searched: Catalogue) -> list[tuple[int, int]]:
    """Numbers and revisions of all that is found, of records as well that the store purged meanwhile."""
    return [pair for page in Walk(searched, Request(withdrawn="include")).pairs() for pair in page]


# ---- files -------------------------------------------------------------------------------------


def test_a_record_is_in_the_shard_of_its_number_with_all_its_versions(
    store: Store, engine: TantivyEngine
) -> None:
    fill(store, [a(n) for n in range(9)])
    fill(store, [a(n, title="Changed") for n in range(4)])
    sync(store, engine)
    for shard, index in enumerate(engine._indexes):
        index.reload()
        rids = index.searcher().aggregate(
            tantivy.Query.all_query(), {"rids": {"terms": {"field": "rid", "size": 100}}}
        )["rids"]["buckets"]
        assert rids
        assert {int(bucket["key"]) % SHARDS for bucket in rids} == {shard}


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 4)])
def test_another_number_of_shards_makes_the_index_again(
    store: Store, tmp_path: Path, before: Any, after: Any
) -> None:
    fill(store, [a(n) for n in range(9)])
    engine = TantivyEngine(tmp_path / "index", writing=True, shards=before)
    sync(store, engine)
    with pytest.raises(EngineBusy, match="another number of shards"):
        TantivyEngine(tmp_path / "index", shards=after)
    engine.close()
    again = TantivyEngine(tmp_path / "index", writing=True, shards=after)
    assert again.revision() == 0
    sync(store, again)
    assert Catalogue(store, again).search(Request()).total == 9
    assert (tmp_path / "index" / "meta.json").exists() == (after == 1)
    assert sorted(file.name for file in (tmp_path / "index").iterdir() if file.is_dir()) == (
        [] if after == 1 else [str(number) for number in range(after)]
    )
    again.close()


def test_a_shard_that_is_lost_makes_the_index_again(
    store: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    fill(store, [a(n) for n in range(9)])
    sync(store, engine)
    engine.close()
    (tmp_path / "index" / "1" / "meta.json").unlink()
    again = TantivyEngine(tmp_path / "index", writing=True, shards=SHARDS)
    assert again.revision() == 0
    sync(store, again)
    check_equal(store, again, tmp_path / "one")
    again.close()


def test_a_mark_that_is_lost_while_a_node_runs_makes_the_index_again(
    store: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    fill(store, [a(n) for n in range(9)])
    sync(store, engine)
    (tmp_path / "index" / "headwater.json").unlink()
    sync(store, engine)
    check_equal(store, engine, tmp_path / "one")


# ---- a write that was killed -------------------------------------------------------------------


class Killed(BaseException):
    """Ends a process where it is: nothing of ours may catch it for good."""


class Dying:
    """A writer whose process is killed before it commits."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def commit(self) -> None:
        raise Killed

    def rollback(self) -> None:
        """A process that is killed takes nothing back, and what it did not commit is lost."""
        self._writer.rollback()


def kill(store: Store, engine: TantivyEngine, dying: Iterable[int]) -> None:
    """Bring the index up to date, but die before some shards are committed."""
    writers = engine._take_lock()
    for shard in dying:
        writers._all[shard] = Dying(writers._all[shard])  # type: ignore[call-overload]
    with pytest.raises(Killed):
        sync(store, engine)
    engine.close()


def changed(store: Store) -> None:
    """New records, closed versions, tombstones and new groups."""
    fill(store, [a(n, title="Changed soil", keywords=("new",)) for n in range(0, 20, 2)])
    fill(store, [a(n) for n in range(20, 30)])
    copied = [(n, Related(relation="IsIdenticalTo", id=f"10.1234/{n}")) for n in range(30, 36)]
    fill(store, [a(n, related=(other,)) for n, other in copied])
    fill(store, [a(n, "copy", doi=f"10.1234/{n}") for n in range(30, 36)], "copy")
    fill(store, [a(n, withdrawn=Withdrawal(reason="retracted")) for n in (3, 4, 5)])


@pytest.fixture
def story(store: Store) -> Store:
    fill(store, [a(n, keywords=("old",), dates=Dates(published=f"20{n:02}")) for n in range(20)])
    fill(store, [a(n, "gone", creators=(Creator(name="Doe, J"),)) for n in range(7)], "gone")
    return store


@pytest.mark.parametrize("dying", [(1,), (0, 2), (0, 1, 2)], ids=["one dies", "two die", "all die"])
@pytest.mark.parametrize("batch", [5_000, 7], ids=["again at once", "again in smaller steps"])
def test_killed_between_commits_readers_see_the_state_before_and_the_next_write_repairs_it(
    story: Store, tmp_path: Path, engine: TantivyEngine, dying: Any, batch: Any, monkeypatch: Any
) -> None:
    sync(story, engine)
    before, reached = told(Catalogue(story, engine)), story.revision()
    changed(story)
    kill(story, engine, dying)

    again = TantivyEngine(tmp_path / "index", shards=SHARDS)
    assert (again.revision(), again.begun()) == (reached, story.revision())
    searched = Catalogue(story, again)
    assert told(searched) == before
    for collapse in ("version", "family"):  # nothing is half grouped: every record is a hit
        (grouped, hits), (alone, records) = told(searched, replace(EVERYTHING, collapse=collapse)), before
        assert (grouped, [hit[:2] for hit in hits]) == (alone, [hit[:2] for hit in records])
    tally = Tally()
    check_engine(story, again, tally)
    assert tally.damage == []

    monkeypatch.setattr("index.sync.BATCH", batch)
    steps = []
    sync(story, again, lambda done, _: steps.append((done, told(searched))))
    assert [done for done, _ in steps] == [*range(reached + batch, story.revision(), batch), story.revision()]
    for done, (answer, hits) in steps:
        assert answer.snapshot <= done
        assert answer.total == len(hits)
    assert again.begun() == again.revision() == story.revision()
    check_equal(story, again, tmp_path / "one")
    again.close()


@pytest.mark.parametrize("shards", [1, SHARDS])
def test_files_that_a_killed_commit_left_are_not_in_the_way_of_the_same_commit(
    story: Store, tmp_path: Path, shards: Any
) -> None:
    """What is deleted stands in a file named by the number of the operation: the next try has the same."""
    engine = TantivyEngine(tmp_path / "index", writing=True, shards=shards)
    sync(story, engine)
    engine.close()
    shutil.copytree(tmp_path / "index", tmp_path / "killed")
    fill(story, [a(n, title="Changed") for n in range(20)])
    engine = TantivyEngine(tmp_path / "index", writing=True, shards=shards)
    sync(story, engine)
    left = [*(tmp_path / "index").rglob("*.del"), *(tmp_path / "index").rglob(".managed.json")]
    assert len(left) == 2 * shards
    for file in left:  # all that was written before the commit took place
        shutil.copy(file, tmp_path / "killed" / file.relative_to(tmp_path / "index"))
    engine.close()
    again = TantivyEngine(tmp_path / "killed", writing=True, shards=shards)
    assert again.revision() < story.revision()
    sync(story, again)
    check_equal(story, again, tmp_path / "one")
    again.close()


@pytest.mark.parametrize("dying", [(1,), (0, 2), (0, 1, 2)], ids=["one dies", "two die", "all die"])
def test_killed_while_records_are_purged_they_are_gone_after_the_next_write(
    story: Store, tmp_path: Path, engine: TantivyEngine, dying: Any
) -> None:
    sync(story, engine)
    searched = Catalogue(story, engine)
    before, gone = rows(searched), searched.search(Request(filters={"source": ["gone"]})).hits
    assert intake.forget(story, "gone") == len(gone) == 7
    kill(story, engine, dying)
    again = TantivyEngine(tmp_path / "index", shards=SHARDS)
    # What is purged vanishes from the past as well, and so from each shard when that is committed.
    purged = {(hit.kept.rid, hit.kept.revision) for hit in gone if hit.kept.rid % SHARDS not in dying}
    assert rows(Catalogue(story, again)) == [pair for pair in before if pair not in purged]
    assert Catalogue(story, again).total(Request()) == len(before) - len(purged)
    sync(story, again)
    check_equal(story, again, tmp_path / "one")
    again.close()


def test_a_process_that_goes_on_gives_the_state_before_while_shards_are_committed_and_after_a_failure(
    story: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    sync(story, engine)
    searched = Catalogue(story, engine)
    request = replace(EVERYTHING, collapse="family")
    before = told(searched, request)
    changed(story)
    seen: list[Any] = []

    class Slow(Dying):
        def commit(self) -> None:
            self._writer.commit()
            seen.append(told(searched, request))

    class Full(Dying):
        def commit(self) -> None:
            raise OSError(28, "No space left on device")

    writers = engine._take_lock()
    own = list(writers._all)
    writers._all[0], writers._all[1] = Slow(own[0]), Full(own[1])  # type: ignore[call-overload]
    with pytest.raises(OSError, match="No space"):
        sync(story, engine)
    assert seen == [before]
    assert told(searched, request) == before
    writers._all[:] = own
    sync(story, engine)
    check_equal(story, engine, tmp_path / "one")


def test_records_that_change_again_before_the_write_is_repeated_are_there_once(
    story: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    sync(story, engine)
    changed(story)
    kill(story, engine, [2])
    fill(story, [a(n, title="Changed again") for n in range(10, 33)])
    fill(story, [a(n, "copy", doi=f"10.1234/{n + 1}") for n in range(30, 33)], "copy")
    intake.forget(story, "copy")
    again = TantivyEngine(tmp_path / "index", writing=True, shards=SHARDS)
    sync(story, again)
    check_equal(story, again, tmp_path / "one")
    again.close()


def test_an_index_killed_half_cleared_is_cleared_again(
    story: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    sync(story, engine)
    writers = engine._take_lock()
    writers._all[1] = Dying(writers._all[1])  # type: ignore[call-overload]
    with pytest.raises(Killed):
        engine.clear()
    engine.close()
    again = TantivyEngine(tmp_path / "index", shards=SHARDS)
    assert Catalogue(story, again).search(replace(EVERYTHING, sort="newest")).total == 0
    sync(story, again)
    check_equal(story, again, tmp_path / "one")
    again.close()


def test_an_unfinished_write_of_a_store_that_was_put_back_is_thrown_away(
    story: Store, tmp_path: Path, engine: TantivyEngine
) -> None:
    """The store came to less than what some shards hold: what they hold is of no store."""
    sync(story, engine)
    changed(story)
    kill(story, engine, [0])
    again = TantivyEngine(tmp_path / "index", writing=True, shards=SHARDS)
    with Store(tmp_path / "restored.sqlite") as restored:
        fill(restored, [a(n, title="Restored") for n in range(30)])
        assert again.revision() < restored.revision() < again.begun()
        sync(restored, again)
        check_equal(restored, again, tmp_path / "one")
    again.close()


@slow
@given(held=st.tuples(lists, lists), dying=st.sets(st.integers(0, SHARDS - 1), min_size=1))
def test_after_any_kill_the_index_is_what_the_store_says(
    held: Any, dying: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    with Store(folder / "s") as store:
        engine = TantivyEngine(folder / "index", writing=True, shards=SHARDS)
        by_source(store, held[0])
        sync(store, engine)
        reached = store.revision()
        by_source(store, held[1])
        if store.revision() == reached:
            engine.close()
            return
        kill(store, engine, dying)
        again = TantivyEngine(folder / "index", writing=True, shards=SHARDS)
        answer, hits = told(Catalogue(store, again))
        assert answer.snapshot == reached
        assert answer.total == len(hits) == len({rid for rid, _, _ in hits})
        sync(store, again)
        check_equal(store, again, folder / "one")
        again.close()


def by_source(store: Store, records: Iterable[Record]) -> None:
    kept = list(records)
    for source in ("demo", "copy"):
        fill(store, [record for record in kept if record.source == source], source)
