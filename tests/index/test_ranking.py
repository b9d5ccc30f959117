"""The order by relevance: identifier, then title, then words where they tell most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.engines.tantivy.ranking import spoken
from index.loosen import MOST_WORDS, loosened
from index.query import BadQuery, Both, Either, Without, Words, parse
from index.ranking import is_complete, titled
from index.record import Creator, Files, Identifier, License, Record
from index.search import Catalogue, Request
from index.store import Store
from tests.index.filling import catalogue, fill

WORDS = ["mouse", "embryo", "light", "sheet", "soil"]


def a(id_: str, **fields: Any) -> Record:
    return Record(id=f"demo:{id_}", source="demo", **{"title": f"Title {id_}", **fields})


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Any:
    def make(*wanted: Record) -> Catalogue:
        fill(store, wanted)
        return catalogue(store, tmp_path)

    return make


def found(searched: Catalogue, words: str, **asked: Any) -> list[str]:
    hits = searched.search(Request(words=words, sort="relevance", **asked)).hits
    return [hit.kept.id.removeprefix("demo:") for hit in hits]


# ---- what stands above the words ---------------------------------------------------------------


def test_the_exact_title_is_first_however_often_others_say_its_words(filled: Any) -> None:
    often = "Light sheet microscopy of light, sheet by sheet: a light sheet microscopy atlas of light sheets"
    searched = filled(a("often", title=often, description=often), a("exact", title="Light-sheet microscopy"))
    assert found(searched, "light sheet microscopy")[0] == "exact"


@pytest.mark.parametrize(
    "typed", ["NÄHE der Zellen", "nahe, der zellen!", '"Nähe der Zellen"', "der Zellen Nähe der"]
)
def test_case_accents_and_punctuation_do_not_make_another_title(typed: str) -> None:
    same = titled("Nähe der Zellen")
    assert (titled(typed) == same) is (typed != "der Zellen Nähe der")


@pytest.mark.parametrize("typed", ["from cell to cell", '"From cell to cell"', "from cell to cell -nerve"])
def test_words_are_compared_with_titles_as_they_were_typed(typed: str) -> None:
    assert spoken(parse(typed)) == titled("From cell to cell!")
    assert spoken(loosened(parse(typed), "most")) == titled("From cell to cell!")


def test_the_beginning_of_a_word_is_no_title() -> None:
    assert spoken(parse("micro*")) == ""


def test_who_bears_an_identifier_comes_before_a_title_that_is_one(filled: Any) -> None:
    bearer = Identifier(scheme="empiar", value="EMPIAR-10392")
    searched = filled(
        a("named", title="EMPIAR-10392", description="EMPIAR-10392"), a("bearer", identifiers=(bearer,))
    )
    assert found(searched, "EMPIAR-10392") == ["bearer", "named"]


def test_two_words_in_a_text_outdo_one_in_a_title(filled: Any) -> None:
    noise = [a(f"noise{n}", title=f"Forest {n}", description="trees and more trees") for n in range(30)]
    searched = filled(
        a("title", title="Zebrafish"), a("text", title="Larvae", description="zebrafish gastrulation"), *noise
    )
    assert found(searched, "zebrafish OR gastrulation")[:2] == ["text", "title"]


# ---- what decides between equals ---------------------------------------------------------------


def test_of_two_with_the_same_words_the_one_that_tells_more_about_itself_is_first(filled: Any) -> None:
    alike = {
        "title": "Mitosis",
        "description": "seen",
        "keywords": ("x",),
        "creators": (Creator(name="Doe"),),
    }
    told = {"license": License(spdx="CC0-1.0"), "files": Files(count=1)}
    searched = filled(a("bare", **alike), a("told", **alike, **told))
    assert found(searched, "mitosis") == ["told", "bare"]


def test_being_complete_does_not_outweigh_a_word(filled: Any) -> None:
    told: dict[str, Any] = {"creators": (Creator(name="Doe"),), "license": License(spdx="CC0-1.0")}
    told |= {"files": Files(count=1), "keywords": ("x",)}
    searched = filled(
        a("told", title="Cells", description="one mitosis among much else that was seen", **told),
        a("bare", title="Mitosis"),
    )
    assert found(searched, "mitosis") == ["bare", "told"]


@pytest.mark.parametrize("missing", ["description", "creators", "license", "files", "keywords"])
def test_a_record_is_complete_only_with_all_a_reader_needs(missing: str) -> None:
    whole = {"description": "x", "keywords": ["x"], "creators": [{"name": "x"}], "license": {}, "files": {}}
    whole |= {"license": {"spdx": "CC0-1.0"}, "files": {"count": 1}}
    assert is_complete(whole)
    assert not is_complete({name: value for name, value in whole.items() if name != missing})


def test_the_repository_has_no_say_in_the_order(store: Store, tmp_path: Path) -> None:
    words = {"title": "Mitosis of cells", "description": "cells in mitosis"}
    for source in ("idr", "zenodo"):
        fill(store, [Record(id=f"{source}:1", source=source, **words)], source)
    hits = catalogue(store, tmp_path).search(Request(words="mitosis", sort="relevance")).hits
    assert len({hit.score for hit in hits}) == 1


def test_equals_are_paged_through_without_a_repetition_or_a_loss(filled: Any) -> None:
    searched = filled(*(a(str(n), title="Mitosis", description="the same") for n in range(25)))
    seen: list[str] = []
    cursor = None
    while True:
        answer = searched.search(Request(words="mitosis", sort="relevance", size=4, cursor=cursor))
        seen += [hit.kept.id for hit in answer.hits]
        cursor = answer.next
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 25


# ---- how loosely words are matched -------------------------------------------------------------


def test_most_lets_one_of_three_words_be_missing_and_puts_those_with_all_first(filled: Any) -> None:
    searched = filled(
        a("two", title="Mouse embryo", description="mouse embryo " * 9),
        a("all", title="Series 7", description="soil, and the embryo of a mouse"),
        a("one", title="Mouse"),
    )
    assert found(searched, "mouse embryo soil") == ["all"]
    assert found(searched, "mouse embryo soil", match="most") == ["all", "two"]
    assert set(found(searched, "mouse embryo soil", match="any")) == {"all", "two", "one"}


def test_of_two_words_most_is_both(filled: Any) -> None:
    searched = filled(a("both", title="Mouse embryo"), a("one", title="Mouse"))
    assert found(searched, "mouse embryo", match="most") == ["both"]


@pytest.mark.parametrize("match", ["most", "any"])
def test_what_is_excluded_and_filtered_holds_however_loose_the_words(filled: Any, match: Any) -> None:
    searched = filled(
        a("wanted", title="Mouse embryo light", kind="Image"),
        a("excluded", title="Mouse embryo soil", kind="Image"),
        a("filtered", title="Mouse embryo light", kind="Software"),
    )
    asked = {"filters": {"kind": ["Image"]}, "match": match}
    assert found(searched, "mouse embryo light -soil", **asked) == ["wanted"]


def test_more_words_than_can_be_chosen_from_are_refused_with_what_to_do() -> None:
    words = " ".join(f"w{n}" for n in range(MOST_WORDS + 1))
    with pytest.raises(BadQuery, match="up to 12 words, these are 13; try match=any"):
        loosened(parse(words), "most")
    assert isinstance(loosened(parse(words), "any"), Either)


@given(st.lists(st.sampled_from(WORDS), min_size=3, max_size=6, unique=True), st.booleans())
def test_most_is_every_choice_that_leaves_one_out(words: list[str], excluding: bool) -> None:
    excluded = (Without(Words("water")),) if excluding else ()
    asked = Both((*map(Words, words), *excluded))
    near = loosened(asked, "most")
    if excluding:
        assert isinstance(near, Both)
        assert near.parts[1:] == excluded
        near = near.parts[0]
    assert isinstance(near, Either)
    choices = [part.parts for part in near.parts if isinstance(part, Both)]
    assert {frozenset(words) - {w.text for w in choice if isinstance(w, Words)} for choice in choices} == {
        frozenset({word}) for word in words
    }


def test_another_way_to_match_needs_another_cursor(filled: Any) -> None:
    searched = filled(*(a(str(n), title="Mouse embryo soil") for n in range(5)))
    cursor = searched.search(Request(words="mouse embryo soil", size=2)).next
    with pytest.raises(BadQuery, match="belongs to another search"):
        searched.search(Request(words="mouse embryo soil", size=2, cursor=cursor, match="any"))
