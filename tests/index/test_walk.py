"""A result stands still: pages and walks give the rows of one revision, whatever a writer does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import intake, walk
from index.engines import Sort
from index.lines import SortedLines
from index.query import BadQuery
from index.record import Dates, Files, Record, Withdrawal
from index.search import LARGEST_PAGE, Catalogue, Request
from index.store import Store
from index.sync import sync
from index.walk import ORDERS, Lost, Walk
from tests.index.filling import catalogue, fill

pytestmark = pytest.mark.usefixtures("one_and_three")

slow = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

DATES = [None, "2019", "2020-01-02", "2020-01-02", "2024-05"]
some_records = st.lists(
    st.builds(
        Record,
        id=st.integers(0, 30).map("demo:{}".format),
        source=st.just("demo"),
        title=st.sampled_from(["mouse embryo", "soil", "mouse brain"]),
        dates=st.builds(Dates, published=st.sampled_from(DATES)),
        files=st.builds(Files, bytes=st.sampled_from([None, 10, 10, 5_000_000])),
        withdrawn=st.sampled_from([None, None, None, Withdrawal(reason="retracted")]),
    ),
    max_size=25,
    unique_by=lambda record: record.id,
)
orders = st.sampled_from(ORDERS)
words = st.sampled_from(["", "mouse", "soil"])


@contextmanager
def held(folder: Path, *records: Record) -> Iterator[Catalogue]:
    with Store(folder / "store.sqlite") as store:
        fill(store, records)
        searched = catalogue(store, folder)
        try:
            yield searched
        finally:
            searched.engine.close()


def change(searched: Catalogue, records: list[Record]) -> None:
    if records:
        fill(searched.store, records)
        sync(searched.store, searched.engine)


def rows(found: Walk, after: str | None = None) -> list[tuple[str, int]]:
    place = found.place(after) if after else None
    return [(row.id, row.revision) for part in found.rows(place) for row in part]


def expected(searched: Catalogue, request: Request) -> list[tuple[str, int]]:
    """One page that is large enough: nothing can move under it."""
    request = Request(words=request.words, sort=request.sort, size=LARGEST_PAGE)
    return [(hit.kept.id, hit.kept.revision) for hit in searched.search(request).hits]


@slow
@given(before=some_records, writes=st.lists(some_records, max_size=6), sort=orders, word=words)
def test_pages_give_the_rows_of_the_first_page_while_a_writer_writes_between_them(
    before: list[Record],
    writes: list[list[Record]],
    sort: Sort,
    word: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with held(tmp_path_factory.mktemp("node"), *before) as searched:
        whole = expected(searched, Request(words=word, sort=sort))
        seen, cursor = [], None
        for turn in range(50):
            page = searched.search(Request(words=word, sort=sort, size=2, cursor=cursor))
            seen += [(hit.kept.id, hit.kept.revision) for hit in page.hits]
            assert page.total == len(whole)
            if (cursor := page.next) is None:
                break
            change(searched, writes[turn] if turn < len(writes) else [])
        assert seen == whole


@slow
@given(before=some_records, writes=st.lists(some_records, max_size=6), sort=orders, word=words)
def test_a_walk_broken_off_goes_on_in_another_process_at_the_old_revision(
    before: list[Record],
    writes: list[list[Record]],
    sort: Sort,
    word: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with held(tmp_path_factory.mktemp("node"), *before) as searched:
        first = Walk(searched, Request(words=word, sort=sort))
        whole = rows(first)
        assert whole == expected(searched, Request(words=word, sort=sort))
        assert [pair for part in first.names() for pair in part] == whole
        for records in writes:
            change(searched, records)
        pinned = Request(words=word, sort=sort, as_of=str(first.revision))
        assert rows(Walk(searched, pinned)) == whole
        for place, (id_, _) in enumerate(whole):
            assert rows(Walk(searched, pinned), after=id_) == whole[place + 1 :]


def test_a_walk_sees_nothing_of_a_writer_at_work_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PAGE", 7)
    monkeypatch.setattr(walk, "BODIES", 3)
    numbered = [Record(id=f"demo:{n}", source="demo", title=f"Title {n}") for n in range(60)]
    with held(tmp_path, *numbered) as searched:
        stop, wrote = Event(), Event()

        def write() -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                change(searched, [r.model_copy(update={"title": f"{r.title} {turn}"}) for r in numbered[::3]])
                change(searched, [Record(id=f"demo:new{turn}", source="demo", title="New")])
                wrote.set()

        found = Walk(searched, Request())
        whole = {row.id: row.body for part in found.rows() for row in part}
        writer = Thread(target=write)
        writer.start()
        try:
            wrote.wait(20)
            for _ in range(3):
                again = [(row.id, row.body) for part in found.rows() for row in part]
                assert len(again) == len(whole)
                assert dict(again) == whole
        finally:
            stop.set()
            writer.join()
        assert searched.store.revision() > found.revision


def test_a_purge_in_between_breaks_a_walk_instead_of_shortening_it(tmp_path: Path) -> None:
    with held(tmp_path, *(Record(id=f"demo:{n}", source="demo", title="x") for n in range(3))) as searched:
        found = Walk(searched, Request())
        intake.forget(searched.store, "demo")
        for read in (found.rows, found.names):
            with pytest.raises(Lost, match="ask again"):
                list(read())


def test_what_cannot_be_walked_is_refused_with_advice(tmp_path: Path) -> None:
    with held(tmp_path, Record(id="demo:1", source="demo", title="x")) as searched:
        with pytest.raises(BadQuery, match="choose kept, newest"):
            Walk(searched, Request(words="x", sort="relevance"))
        with pytest.raises(BadQuery, match="no such record was held at revision 1"):
            Walk(searched, Request()).place("demo:2")


@pytest.mark.parametrize("size", [-1, LARGEST_PAGE + 1])
def test_a_page_that_is_too_large_is_refused_not_cut(tmp_path: Path, size: int) -> None:
    with (
        held(tmp_path, Record(id="demo:1", source="demo", title="x")) as searched,
        pytest.raises(BadQuery, match="must be 0 to 100"),
    ):
        searched.search(Request(size=size))


@given(st.lists(st.text("ab\x01é", max_size=3).map(lambda text: text.encode() + b"\n")))
def test_lines_that_went_to_disk_come_back_sorted(lines: list[bytes]) -> None:
    with SortedLines(held=3) as kept:
        for line in lines:
            kept.add([line])
        assert list(kept) == sorted(lines)
        assert list(kept) == sorted(lines)  # a second reader begins at the beginning
