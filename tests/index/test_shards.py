"""An index of shards answers as one does, side by side, or says how much of it was searched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from index.engines import COLLAPSES, Searched
from index.engines.tantivy import TantivyEngine
from index.engines.tantivy.beside import CORES, Beside
from index.engines.tantivy.shards import Shards, counted
from index.entry import FACETS
from index.query import Everything
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from index.walk import Walk
from tests.index.filling import fill
from tests.index.sharded import SHARDS, a

# ---- adding up ---------------------------------------------------------------------------------


def in_shards(held: Iterable[tuple[int, Any]], commits: int) -> Shards:
    kept = list(held)
    return Shards(
        [indexed((each for each in kept if each[0] % SHARDS == shard), commits) for shard in range(SHARDS)]
    )


NOTHING = {"\x00", -1}
tokens = st.lists(st.sampled_from("abcdefghij"), max_size=4, unique=True)
documents = st.lists(st.tuples(tokens, st.sampled_from([None, 2019, 2020, 2021])), max_size=30)


def indexed(held: Iterable[tuple[int, Any]], commits: int) -> tantivy.Searcher:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("word", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("number", indexed=True, fast=True)
    builder.add_integer_field("year", indexed=True, fast=True)
    index = tantivy.Index(builder.build())
    writer = index.writer(15_000_000, 1)
    for number, (words, year) in held:
        writer.add_document(tantivy.Document(word=words, number=number, **({"year": year} if year else {})))
        if number % commits == 0:
            writer.commit()
    writer.commit()
    index.reload()
    return index.searcher()


@settings(max_examples=60, deadline=None)
@given(
    held=documents,
    size=st.sampled_from([1, 2, 3, 12, 100]),
    segment_size=st.sampled_from([1, 2, 3, 100]),
    commits=st.sampled_from([4, 7, 100]),
)
def test_terms_of_shards_are_those_of_one_index_or_say_how_far_they_may_be_off(
    held: Any, size: Any, segment_size: Any, commits: Any
) -> None:
    numbered = list(enumerate(held, 1))
    one = indexed(numbered, 100)
    shards = in_shards(numbered, commits)
    everything = tantivy.Query.all_query()
    terms = {"size": size, "segment_size": segment_size}
    asked = {
        "word": {"terms": {"field": "word", "missing": "\x00", **terms}},
        "year": {"terms": {"field": "year", "missing": -1, **terms}},
    }
    answers = shards.aggregate(everything, asked)
    whole = {
        name: {"terms": {**how["terms"], "size": 100, "segment_size": 100}} for name, how in asked.items()
    }
    for name, exact in one.aggregate(everything, whole).items():
        true = {bucket["key"]: bucket["doc_count"] for bucket in exact["buckets"]}
        answer = answers[name]
        listed = {bucket["key"]: bucket["doc_count"] for bucket in answer["buckets"]}
        error = answer["doc_count_error_upper_bound"]
        assert all(count <= true[key] <= count + error for key, count in listed.items())
        assert sum(listed.values()) + answer["sum_other_doc_count"] == sum(true.values())
        if not listed.keys() & NOTHING:  # who has no value may be among the others instead
            true = {key: count for key, count in true.items() if key not in NOTHING}
        last = min(listed.values(), default=0) if len(listed) == size else 0
        assert all(count <= last + error for key, count in true.items() if key not in listed)
        if error == 0:
            assert list(listed.values()) == sorted(true.values(), reverse=True)[:size]
        if segment_size == size == 100:
            assert listed == true


@settings(max_examples=40, deadline=None)
@given(
    held=documents, limit=st.sampled_from([None, 1, 3, 20]), offset=st.integers(0, 5), size=st.integers(1, 9)
)
def test_everything_else_adds_up_to_one_index(held: Any, limit: Any, offset: Any, size: Any) -> None:
    numbered = list(enumerate(held, 1))
    one = indexed(numbered, 5)
    shards = in_shards(numbered, 4)
    everything = tantivy.Query.all_query()
    asked = {
        "bars": {"range": {"field": "year", "ranges": [{"to": 2020}, {"from": 2020, "to": 2021}]}},
        "stats": {"stats": {"field": "number"}},
    }
    if held:  # of nothing, one index has no ranges either
        assert shards.aggregate(everything, asked) == one.aggregate(everything, asked)
    assert shards.num_docs == one.num_docs
    assert shards.doc_freq("word", "a") == one.doc_freq("word", "a")
    for wanted in (None, everything):
        found = shards.terms_with_prefix("word", "", wanted, limit)
        assert found == one.terms_with_prefix("word", "", wanted, limit)
    for order in (tantivy.Order.Asc, tantivy.Order.Desc):
        pages = [
            searcher.search(everything, limit=size, offset=offset, order_by_field="number", order=order)
            for searcher in (one, shards)
        ]
        assert [key for key, _ in pages[0].hits] == [key for key, _ in pages[1].hits]
        assert {counted(page) for page in pages} == {len(held)}
        read = shards.fast_field_values("number", [address for _, address in pages[1].hits])
        assert read == [key for key, _ in pages[1].hits]


def test_what_cannot_be_added_up_is_refused() -> None:
    shards = Shards([indexed([], 1)] * 2)
    for asked in (
        {"x": {"cardinality": {"field": "word"}}},
        {"x": {"terms": {"field": "word", "order": {"_key": "asc"}}}},
        {"x": {"terms": {"field": "word"}, "aggs": {}}},
    ):
        with pytest.raises(ValueError, match="aggregation x"):
            shards.aggregate(tantivy.Query.all_query(), asked)


def test_equal_scores_have_one_order_over_all_pages() -> None:
    shards = in_shards(((n, (["a"], None)) for n in range(40)), 5)
    seen: list[Any] = []
    for offset in range(0, 42, 6):
        hits = shards.search(tantivy.Query.all_query(), limit=6, offset=offset).hits
        seen += shards.fast_field_values("number", [address for _, address in hits])
    assert sorted(seen) == list(range(40))


# ---- side by side ------------------------------------------------------------------------------


def test_work_that_runs_beside_a_search_does_not_wait_for_itself() -> None:
    beside, many = Beside(), 4 * CORES

    def inner(number: int) -> int:
        return sum(found for found in beside.each(lambda n: n, range(number)) if found is not None)

    begun = [beside.begin(lambda: beside.each(inner, range(1, 9))) for _ in range(many)]
    assert [end() for end in begun] == [[sum(range(number)) for number in range(1, 9)]] * many


def test_work_that_begins_more_of_it_in_every_thread_never_waits_for_itself() -> None:
    beside = Beside()

    def nested(depth: int) -> int:
        return depth and 1 + beside.begin(nested, depth - 1)()

    asked = [beside.begin(nested, 3) for _ in range(4 * CORES)]
    assert [answer() for answer in asked] == [3] * 4 * CORES


def test_no_item_is_begun_after_the_moment_and_one_that_is_begun_ends() -> None:
    def slowly(number: int) -> int:
        time.sleep(0.05)
        return number

    beside = Beside()
    assert beside.each(slowly, (1, 2, 3), time.monotonic()) == [None] * 3
    with ExitStack() as stack:
        for _ in range(CORES):  # as many searches as cores: nothing runs beside
            stack.enter_context(beside.search())
        assert beside.each(slowly, (1, 2, 3), time.monotonic() + 0.01) == [1, None, None]


def test_what_goes_wrong_beside_is_raised() -> None:
    def fails(number: int) -> int:
        raise OSError(f"no file {number}")

    with pytest.raises(OSError, match="no file"):
        Beside().each(fails, range(5))


# ---- no time left ------------------------------------------------------------------------------


@pytest.fixture
def searched(store: Store, engine: TantivyEngine) -> Catalogue:
    fill(store, [a(n, doi="10.1234/x" if n < 4 else None) for n in range(20)])
    sync(store, engine)
    return Catalogue(store, engine)


@pytest.mark.parametrize("sort", ["relevance", "newest", "kept"])
@pytest.mark.parametrize("collapse", COLLAPSES)
def test_without_time_no_shard_is_searched_and_the_answer_says_so(
    searched: Catalogue, sort: Any, collapse: Any
) -> None:
    searched.seconds = 0.0
    request = Request(
        words="soil", sort=sort, collapse=collapse, facets=("kind", "year"), histograms=("year",)
    )
    answer = searched.search(request)
    assert answer.searched == Searched(0, SHARDS)
    assert (answer.total, answer.hits, answer.next) == (0, (), None)
    assert (answer.facets, answer.histograms) == ({}, {})
    assert answer.uncounted == ("kind", "year")
    searched.seconds = 60.0
    whole = searched.search(request)
    assert (whole.total, whole.searched, whole.uncounted) == (20, None, ())


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
def test_a_partial_answer_is_exact_for_the_shards_that_were_searched(
    searched: Catalogue, sort: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Beside, "each", only_the_first(2))
    searched.seconds = 60.0
    answer = searched.search(Request(words="soil", sort=sort, size=100, facets=FACETS, collapse="family"))
    assert answer.searched == Searched(2, SHARDS)
    rids = {hit.kept.rid for hit in answer.hits}
    assert answer.total == len(answer.hits) == len(rids) < 20
    assert rids == {rid for rid in range(1, 21) if rid % SHARDS < 2}
    assert answer.next is None
    assert set(answer.uncounted) == set(FACETS)
    assert {hit.members for hit in answer.hits} == {None}


def only_the_first(begun: int) -> Callable[..., Any]:
    """As if the time was over when so many shards were begun."""

    def each(_: Beside, work: Any, items: Any, until: float | None = None) -> list[Any]:
        return [work(item) if until is None or n < begun else None for n, item in enumerate(items)]

    return each


def test_whoever_needs_everything_gets_everything_however_little_time_a_search_has(
    searched: Catalogue,
) -> None:
    searched.seconds = 0.0
    assert searched.total(Request(words="soil")) == 20
    rows = [pair for page in Walk(searched, Request()).pairs() for pair in page]
    assert len(rows) == 20
    snapshot = searched.engine.snapshot()
    assert len(snapshot.help.recent(Everything(), after=0, before=None, size=100, latest_first=True)) == 20
