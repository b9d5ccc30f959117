"""What the engine finds is what a plain reading of each entry finds: the same ids, for any query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.engines.tantivy import TantivyEngine
from index.engines.tantivy.queries import TEXTS, analyzer
from index.entry import DAY_FIELDS, entry_of
from index.query import (
    Between,
    Both,
    Either,
    Everything,
    Lookup,
    OneOf,
    Query,
    Without,
    Words,
    parse,
)

STEMS, PLAIN = analyzer(stemmed=True), analyzer(stemmed=False)
Entry = dict[str, Any]


# ---- a plain reading -----------------------------------------------------------------------------


def holds(query: Query, entry: Entry) -> bool:  # noqa: C901, PLR0911  # a line for each node
    """Tell whether an entry answers a query, by looking at all of it."""
    match query:
        case Everything():
            return True
        case Both(parts):
            return all(holds(part, entry) for part in parts)
        case Either(parts):
            return any(holds(part, entry) for part in parts)
        case Without(part):
            return not holds(part, entry)
        case OneOf(field, values):
            return bool(set(entry[field]) & set(values))
        case Between(field, low, high):
            return lies_between(entry, field, low, high)
        case Lookup(value, words):
            return value in entry["identifier"] or value in entry["linked"] or says(words, entry)
        case Words():
            return says(query, entry)


def lies_between(entry: Entry, field: str, low: int | None, high: int | None) -> bool:
    first = entry.get(field)
    last = entry.get(f"{field}_end") if field in DAY_FIELDS else first
    if first is None or last is None:
        return False
    return (low is None or last >= low) and (high is None or first <= high)


def says(words: Words, entry: Entry) -> bool:
    """Tell whether a text has the words. A place is left free between values, as the engine does."""
    places: dict[str, list[int]] = {}
    at = 0
    for text in entry[TEXTS[words.field]]:
        stems = STEMS.analyze(text)
        for place, stem in enumerate(stems, at):
            places.setdefault(stem, []).append(place)
        at += len(stems) + 1
    if words.prefix:
        *whole, last = PLAIN.analyze(words.text)
        begins = {last, *STEMS.analyze(last)}
        return all(STEMS.analyze(word)[0] in places for word in whole) and any(
            stem.startswith(tuple(begins)) for stem in places
        )
    asked = STEMS.analyze(words.text)
    if words.fuzzy:
        return bool(asked) and all(any(differ(a, b) <= words.fuzzy for b in places) for a in asked)
    return bool(asked) and all(stem in places for stem in asked) and together(asked, places, words.slop)


def together(asked: Sequence[str], places: dict[str, list[int]], slop: int) -> bool:
    if len(asked) == 1:
        return True
    if slop == 0:
        return any(all(at + n in places[stem] for n, stem in enumerate(asked)) for at in places[asked[0]])
    first, second = asked
    return any(abs(b - 1 - a) <= slop for a in places[first] for b in places[second])


def differ(a: str, b: str) -> int:
    """Count the letters to change, add, drop or exchange with the next, to make one word of the other."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            step = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, step)
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


# ---- records and queries -------------------------------------------------------------------------

WORDS = [
    "mouse",
    "mice",
    "house",
    "light",
    "sheets",
    "sheet",
    "light-sheet",
    "cells",
    "cell",
    "zebrafish",
    "µ-opioid",
]
some = st.lists
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
dates = st.sampled_from(["2019", "2020", "2020-02", "2020-03", "2020-02-29", "2021-12-31"])
optional = st.fixed_dictionaries(
    {},
    optional={
        "description": texts,
        "keywords": some(st.sampled_from(["Alpha", "light sheet", "beta test"]), max_size=3, unique=True),
        "doi": st.sampled_from(["10.1234/one", "10.1234/two"]),
        "related": st.just([{"relation": "Cites", "id": "10.1234/ONE"}]),
        "organisms": st.just([{"label": "Mus musculus", "id": "NCBITaxon:10090"}]),
        "creators": some(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["Doe, Jane", "Light, A."])},
                optional={"orcid": st.just("0000-0002-1825-0097")},
            ),
            max_size=2,
        ),
        "funding": st.just([{"funder": "Cell Trust", "ror": "01pxwe438"}]),
        "files": st.fixed_dictionaries({}, optional={"bytes": st.sampled_from([10, 10**9, 10**12])}),
        "dates": st.fixed_dictionaries({}, optional={"published": dates, "modified": dates}),
        "access": st.sampled_from(["open", "closed"]),
        "links": st.just({"landing": "https://zenodo.org/records/12345"}),
        "withdrawn": st.just({"reason": "retracted"}),
    },
)
records = st.builds(lambda title, rest: {"title": title, **rest}, texts, optional)

ATOMS = [
    *WORDS, '"light sheet"', '"sheet light"', '"light sheet"~1', '"sheet light"~2', '"cell mouse"~3',
    '"mouse house light"',
    "li*", "microscop*", "light-sh*", "mous~", "muose~", "mose~2", "sheet~2", "title:mouse",
    'title:"light sheet"',
    "title:ze*", "description:cells", "description:huose~", "creator:jane", 'creator:"Doe, Jane"',
    "creator:li*",
    "keyword:light", 'keyword:"light sheet"', 'keyword:"beta light"~3', "funder:cell", "funder:01pxwe438",
    "organism:mouse",
    "year:2020", "year:<2020", "published:2020-02", "published:2020-03..2020-12", "published:<2020-02-15",
    "published:>2020-02", "updated:2020-02-29", "updated:2021..", "bytes:>1GB", "bytes:..1GB", "is:open",
    "is:withdrawn",
    "is:current", "has:doi", "-has:bytes", "10.1234/one", "id:10.1234/one", "0000-0002-1825-0097",
    "01pxwe438",
    "https://zenodo.org/record/12345/", "id:demo:1", "*", "NCBITaxon:10090", "µ*",
]  # fmt: skip
queries = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" ".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"{two[0]} AND NOT ({two[1]})"),
        inner.map("-({})".format),
    ),
    max_leaves=6,
)


def found(engine: TantivyEngine, query: Query) -> list[int]:
    snapshot = engine.snapshot()
    answer = snapshot.search(
        query, at=1, sort="oldest", size=100, after=None, facets=(), facet_size=1, withdrawn="include"
    )
    assert answer.total == len(answer.hits)
    return sorted(rid for rid, _, _ in answer.hits)


def indexed(folder: Path, held: Iterable[Entry]) -> TantivyEngine:
    engine = TantivyEngine(folder / "index", writing=True)
    engine.write(held, (), (), 1)
    return engine


@settings(max_examples=20, deadline=None)
@given(held=st.lists(records, min_size=1, max_size=25), asked=st.lists(queries, min_size=30, max_size=60))
def test_the_engine_finds_what_a_plain_reading_finds(
    held: Any, asked: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    entries = [
        entry_of(rid, 1, None, {"id": f"demo:{rid}", "source": "demo", **record})
        for rid, record in enumerate(held, 1)
    ]
    engine = indexed(tmp_path_factory.mktemp("translation"), entries)
    for text in (*ATOMS, *asked):
        query = parse(text)
        assert found(engine, query) == [e["rid"] for e in entries if holds(query, e)], text
    engine.close()


@pytest.mark.parametrize(
    ("stated", "asked", "is_found"),
    [
        ("2021", "published:2021-02", True),
        ("2021-02", "published:2021-02-15..", True),
        ("2021-02", "published:..2021-02-15", True),
        ("2021-02", "published:>2021-02", False),
        ("2021-02", "published:<2021-02", False),
        ("2020-02", "published:2020-02-29", True),
        ("2021-02-14", "published:2021-02-15..", False),
        ("2021", "year:2021", True),
    ],
)
def test_a_partial_date_is_in_every_range_it_may_lie_in(
    stated: str, asked: str, is_found: bool, tmp_path: Path
) -> None:
    record = {"id": "demo:1", "source": "demo", "title": "one", "dates": {"published": stated}}
    engine = indexed(tmp_path, [entry_of(1, 1, None, record)])
    assert found(engine, parse(asked)) == ([1] if is_found else [])
    engine.close()
