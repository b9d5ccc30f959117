"""The past: what was held then, what changed since, and how one record came to be what it is.

`Told` does the same twice: to a store, and to a plain dictionary that is copied at every revision. Whatever
the store says of its past must be what the dictionary said then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import intake, ledger
from index import tables as t
from index.changes import is_tombstone, since, withdrawals
from index.compare import compare
from index.engines import TOMBSTONES
from index.entry import tokens_of
from index.history import Version, history, latest
from index.moments import Moment, moment
from index.query import BadQuery
from index.record import Record, Withdrawal
from index.search import Behind, Catalogue, Request
from index.store import Store
from index.sync import sync
from tests.index.filling import catalogue, fill, opened
from tests.index.test_patch import applied

pytestmark = pytest.mark.usefixtures("one_and_three")

GONE = Withdrawal(date="2026-01-01", reason="retracted", url="https://demo.example/gone")
FIELDS = ("kind", "keyword")

Step: TypeAlias = tuple[Literal["put", "withdraw", "index"], int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "withdraw", "index"]), st.integers(0, 4), st.integers(0, 2)
    ),
    min_size=1, max_size=16,
)  # fmt: skip
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def a(number: int, content: int = 0) -> Record:
    return Record(
        id=f"demo:{number}", source="demo", title=f"Content {content}",
        kind="Image" if content else "Dataset", keywords=tuple(f"word {n}" for n in range(content)),
    )  # fmt: skip


def withdraw(store: Store, *numbers: int) -> int:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    count = intake.withdraw(store, run.run_id, "demo", {f"demo:{number}": GONE for number in numbers})
    ledger.end(store, run.run_id, state="complete")
    return count


class Told:
    """A store, its index, and what both must say of every revision."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store.sqlite")
        self.engine = opened(folder)
        self.held: list[dict[str, Any]] = [{}]
        self.events: list[tuple[str, str]] = []

    def does(self, step: Step) -> None:
        what, number, content = step
        if what == "index":
            sync(self.store, self.engine)
        elif what == "put":
            fill(self.store, [a(number, content)])
        else:
            withdraw(self.store, number)
        if self.store.revision() == len(self.held):
            self._note(f"demo:{number}")
        assert self.store.revision() == len(self.held) - 1

    def _note(self, id_: str) -> None:
        before = self.held[-1].get(id_)
        kept = self.store.get(id_)
        assert kept is not None
        self.held.append({**self.held[-1], id_: kept.json})
        self.events.append((id_, _event(before, kept.json)))

    def current(self, revision: int, withdrawn: str = "exclude") -> dict[str, Any]:
        wanted = {"exclude": (False,), "only": (True,), "include": (False, True)}[withdrawn]
        found = self.held[revision].items()
        return {id_: orjson.loads(body) for id_, body in found if is_tombstone(body) in wanted}


def _event(before: bytes | None, after: bytes) -> str:
    if is_tombstone(after):
        return "withdrawn"
    if before is None:
        return "added"
    return "restored" if is_tombstone(before) else "changed"


@contextmanager
def told(factory: pytest.TempPathFactory, story: Sequence[Step]) -> Iterator[Told]:
    both = Told(factory.mktemp("told"))
    with both.store:
        for step in story:
            both.does(step)
        sync(both.store, both.engine)
        yield both
        both.engine.close()


# ---- properties --------------------------------------------------------------------------------


@slow
@given(story=steps)
def test_a_search_of_the_past_finds_what_was_held_then(
    story: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with told(tmp_path_factory, story) as both:
        searched = Catalogue(both.store, both.engine)
        for revision in range(len(both.held)):
            for withdrawn in TOMBSTONES:
                answer = searched.search(
                    Request(as_of=str(revision), withdrawn=withdrawn, facets=FIELDS, size=100, facet_size=100)
                )
                expected = both.current(revision, withdrawn)
                assert answer.snapshot == revision
                assert answer.total == len(expected)
                assert {hit.kept.id: hit.kept.stored for hit in answer.hits} == expected
                for field in FIELDS:
                    counted = Counter(v for record in expected.values() for v in tokens_of(record)[field])
                    assert {value.value: value.count for value in answer.facets[field].values} == counted


@slow
@given(story=steps, size=st.integers(1, 5))
def test_changes_are_told_once_each_and_in_order(
    story: Any, size: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with told(tmp_path_factory, story) as both:
        seen: list[tuple[int, str, str]] = []
        reached, more = 0, True
        while more:
            page = since(both.store, reached, size)
            seen += [(change.revision, change.id, change.event) for change in page.changes]
            assert len(page.changes) == size or not page.more
            reached, more = page.next, page.more
        assert seen == [(n, *event) for n, event in enumerate(both.events, 1)]
        assert reached == both.store.revision()


@slow
@given(story=steps, size=st.integers(1, 5))
def test_a_history_leads_from_the_first_version_to_the_last(
    story: Any, size: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with told(tmp_path_factory, story) as both:
        for id_, body in both.held[-1].items():
            kept = both.store.get(id_)
            assert kept is not None
            versions: list[Version] = []
            reached = 0
            while True:
                page = history(both.store, kept.rid, reached, size)
                versions += page.versions
                assert len(page.versions) <= size
                if page.next is None:
                    break
                reached = page.next
            own = [(n, event) for n, (of, event) in enumerate(both.events, 1) if of == id_]
            assert [(version.from_revision, version.event) for version in versions] == own
            assert page.total == len(own)
            assert [v.to_revision for v in versions] == [*(n for n, _ in own[1:]), None]
            whole = orjson.loads(both.held[own[0][0]][id_])
            for version in versions[1:]:
                whole = applied(version.edits, whole)
            assert whole == orjson.loads(body)
            assert latest(both.store, kept.rid, size).versions == tuple(versions[-size:])


@slow
@given(story=steps, size=st.integers(1, 5), data=st.data())
def test_a_comparison_is_the_difference_of_what_was_held(
    story: Any, size: Any, data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with told(tmp_path_factory, story) as both:
        early = data.draw(st.integers(0, len(both.held) - 1))
        late = data.draw(st.integers(early, len(both.held) - 1))
        was, is_ = both.current(early), both.current(late)
        expected = {
            **dict.fromkeys(is_.keys() - was.keys(), "appeared"),
            **dict.fromkeys(was.keys() - is_.keys(), "vanished"),
            **{id_: "changed" for id_ in is_.keys() & was.keys() if is_[id_] != was[id_]},
        }
        listed: dict[str, str] = {}
        reached = 0
        while True:
            found = compare(both.store, early, late, after=reached, size=size)
            assert found.counts.get("demo", {}) == Counter(expected.values())
            assert not any(each.id in listed for each in found.listed)
            listed |= {each.id: each.kind for each in found.listed}
            if found.next is None:
                break
            reached = found.next
        assert listed == expected


# ---- times -------------------------------------------------------------------------------------


@pytest.fixture
def three_days(store: Store) -> Store:
    """Something was kept on three days: revisions 1, 2 and 4; nobody noted when revision 3 was reached."""
    for number in range(4):
        fill(store, [a(number)])
    with store.transaction() as connection:
        connection.execute(t.moments.delete())
        connection.execute(
            t.moments.insert(),
            [
                {"revision": 1, "at": "2026-03-01T10:00:00Z"},
                {"revision": 2, "at": "2026-03-02T23:59:59Z"},
                {"revision": 4, "at": "2026-03-04T00:00:00Z"},
            ],
        )
    return store


@pytest.mark.parametrize(
    ("asked", "revision", "at"),
    [
        ("2026-03-01", 1, "2026-03-01T10:00:00Z"),
        ("2026-03-02", 2, "2026-03-02T23:59:59Z"),
        ("2026-03-03", 2, "2026-03-02T23:59:59Z"),
        ("2026-03-04", 4, "2026-03-04T00:00:00Z"),
        ("2026-03-01T10:00:00Z", 1, "2026-03-01T10:00:00Z"),
        ("2026-03-02T23:59:58", 1, "2026-03-01T10:00:00Z"),
        ("2026-03-03T00:59:59+01:00", 2, "2026-03-02T23:59:59Z"),
        ("3", 3, "2026-03-04T00:00:00Z"),
        ("0", 0, None),
    ],
)
def test_a_day_stands_for_its_end_and_a_time_for_itself(
    three_days: Store, asked: Any, revision: Any, at: Any
) -> None:
    assert moment(three_days, asked) == Moment(asked, revision, at)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("2026-02-28", r"before the first moment we know, 2026-03-01T10:00:00Z \(revision 1\)"),
        ("0999-01-01", "before the first moment we know"),
        ("2026-03-01T09:59:59Z", "before the first moment we know"),
        ("9999-12-31", "lies ahead"),
        ("5", "not reached; the newest is 4"),
        ("9" * 30, "not reached"),
        ("yesterday", "none of these: a day"),
        ("2026-02-30", "none of these"),
        ("0001-01-01T00:00:00+14:00", "none of these"),
        ("-1", "none of these"),
        ("", "none of these"),
    ],
)
def test_a_time_we_cannot_speak_of_is_refused_with_a_reason(
    three_days: Store, asked: Any, sentence: Any
) -> None:
    with pytest.raises(BadQuery, match=sentence):
        moment(three_days, asked)


def test_of_an_empty_store_no_past_can_be_asked(store: Store) -> None:
    with pytest.raises(BadQuery, match="nothing was kept yet"):
        moment(store, "2026-01-01")


def test_a_clock_that_was_set_back_hides_nothing(three_days: Store) -> None:
    with three_days.transaction() as connection:
        connection.execute(
            t.moments.update().where(t.moments.c.revision == 2).values(at="2026-03-09T00:00:00Z")
        )
    assert moment(three_days, "2026-03-10").revision == 4


def test_a_day_that_is_not_over_is_answered_with_the_newest(store: Store, tmp_path: Path) -> None:
    fill(store, [a(1)])
    searched = catalogue(store, tmp_path)
    with store.reading() as connection:
        today = connection.execute(sa.select(t.moments.c.at)).scalar_one()[:10]
    answer = searched.search(Request(as_of=today))
    assert answer.as_of is not None
    assert (answer.total, answer.as_of.is_now) == (1, True)


def test_what_is_not_indexed_yet_is_not_taken_for_what_was_not_held(store: Store, tmp_path: Path) -> None:
    fill(store, [a(1)])
    searched = catalogue(store, tmp_path)
    fill(store, [a(2)])
    with pytest.raises(Behind, match="revision 1, not yet to 2"):
        searched.search(Request(as_of="2"))
    sync(store, searched.engine)
    assert searched.search(Request(as_of="2")).total == 2


def test_a_walk_through_the_past_keeps_to_its_question(store: Store, tmp_path: Path) -> None:
    for number in range(5):
        fill(store, [a(number)])
    withdraw(store, 0, 1)
    searched = catalogue(store, tmp_path)
    first = searched.search(Request(as_of="4", sort="newest", size=3))
    rest = searched.search(Request(as_of="4", sort="newest", size=3, cursor=first.next))
    assert first.total == rest.total == 4
    assert {hit.kept.id for hit in (*first.hits, *rest.hits)} == {f"demo:{number}" for number in range(4)}
    with pytest.raises(BadQuery, match="another search"):
        searched.search(Request(as_of="3", sort="newest", size=3, cursor=first.next))


# ---- withdrawals -------------------------------------------------------------------------------


def test_a_restored_record_keeps_the_tombstone_it_had(store: Store) -> None:
    fill(store, [a(1)])
    withdraw(store, 1)
    fill(store, [a(1)])
    kept = store.get("demo:1")
    assert kept is not None
    assert kept.state == "current"
    told = history(store, kept.rid, 0, 10).versions
    assert [version.event for version in told] == ["added", "withdrawn", "restored"]
    assert {edit.path for edit in told[1].edits} == {"/withdrawn", "/access"}
    assert told[1].edits[-1].new in ({"date": GONE.date, "reason": GONE.reason, "url": GONE.url}, "closed")


def test_a_tombstone_that_an_older_program_dropped_leaves_a_restored_record(store: Store) -> None:
    fill(store, [a(1)])
    withdraw(store, 1)
    fill(store, [a(1)])
    with store.transaction() as connection:
        connection.execute(t.versions.delete().where(t.versions.c.from_revision == 2))
    assert [change.event for change in since(store, 0, 10).changes] == ["added", "restored"]


def test_withdrawals_are_listed_newest_first_and_by_the_page(store: Store) -> None:
    fill(store, [a(number) for number in range(5)])
    withdraw(store, 0)
    withdraw(store, 3)
    withdraw(store, 4)
    fill(store, [a(3)])  # came back
    found = withdrawals(store, 0, None, 10)
    assert [tombstone.record["id"] for tombstone in found] == ["demo:4", "demo:0"]
    assert [tombstone.revision for tombstone in found] == [8, 6]
    assert all(tombstone.at for tombstone in found)
    assert found[0].record["withdrawn"]["reason"] == "retracted"
    assert [each.revision for each in withdrawals(store, 0, 8, 10)] == [6]
    assert [each.revision for each in withdrawals(store, 6, None, 10)] == [8]
    assert [each.revision for each in withdrawals(store, 0, None, 1)] == [8]


def test_who_follows_the_changes_is_told_to_let_go_of_what_made_room(store: Store) -> None:
    fill(store, [a(1), a(2)])
    withdraw(store, 2)
    intake.forget(store, "demo")
    told = since(store, 0, 10)
    assert [(change.event, change.id) for change in told.changes] == [
        ("purged", "demo:1"),
        ("purged", "demo:2"),
    ]
    assert told.next == store.revision() == 5
    assert compare(store, 3, 5, after=0, size=10).counts == {"demo": {"purged": 2}}
    assert compare(store, 0, 3, after=0, size=10).listed == ()


def test_changes_of_one_source_are_told_by_themselves(store: Store) -> None:
    fill(store, [a(1)])
    fill(store, [Record(id="other:1", source="other", title="x")], source="other")
    fill(store, [a(1, 1)])
    assert [change.revision for change in since(store, 0, 10, "demo").changes] == [1, 3]
    page = since(store, 0, 10, "other")
    assert [change.revision for change in page.changes] == [2]
    assert (page.next, page.more) == (3, False)


def test_what_changed_and_changed_back_is_no_difference(store: Store) -> None:
    fill(store, [a(1), a(2)])
    fill(store, [a(1, 1), a(2, 1)])
    withdraw(store, 2)
    fill(store, [a(1, 0), a(2, 1)])
    found = compare(store, 2, store.revision(), after=0, size=10)
    assert [(each.id, each.kind, each.title) for each in found.listed] == [("demo:2", "changed", "Content 1")]
    assert set(found.listed[0].fields) == {"title", "kind", "keywords"}
