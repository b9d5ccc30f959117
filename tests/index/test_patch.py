"""What is different between two documents: applied to the old one it gives the new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.patch import MATCHED, Edit, diff

scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text()
names = st.sampled_from(["title", "a/b", "m~n", "", "creators", "0"]) | st.text(max_size=3)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=6)
)
related = documents.flatmap(lambda one: st.tuples(st.just(one), st.just(one) | documents))


def printed(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def applied(edits: Sequence[Edit], old: Any) -> Any:
    """Apply edits as RFC 6902 says, and look whether each is right about what was there."""
    root = {"": orjson.loads(orjson.dumps(old))}
    for edit in edits:
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in edit.path.split("/")]
        place: Any = root
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        key: Any = int(last) if isinstance(place, list) else last
        if edit.op != "add":
            assert printed(place[key]) == printed(edit.old)
        if edit.op == "remove":
            del place[key]
        elif edit.op == "add" and isinstance(place, list):
            place.insert(key, edit.new)
        else:
            assert (key in place) == (edit.op == "replace") or isinstance(place, list)
            place[key] = edit.new
    return root[""]


@given(pair=related)
def test_the_edits_turn_the_old_document_into_the_new_one(pair: Any) -> None:
    old, new = pair
    assert printed(applied(diff(old, new), old)) == printed(new)
    assert printed(applied(diff(new, old), new)) == printed(old)


@given(document=documents)
def test_a_document_does_not_differ_from_itself(document: Any) -> None:
    assert diff(document, orjson.loads(orjson.dumps(document))) == ()


@given(
    old=st.lists(st.integers(0, 4), max_size=12).map(lambda found: {"of": found}),
    new=st.lists(st.integers(0, 4), max_size=12).map(lambda found: {"of": found}),
)
def test_lists_that_share_much_are_turned_into_each_other(old: Any, new: Any) -> None:
    assert applied(diff(old, new), old) == new


def test_one_more_creator_is_one_edit() -> None:
    old = {"creators": [{"name": "Doe"}, {"name": "Roe"}]}
    new = {"creators": [{"name": "Doe"}, {"name": "Poe"}, {"name": "Roe"}]}
    (edit,) = diff(old, new)
    assert edit.shown() == {"op": "add", "path": "/creators/1", "new": {"name": "Poe"}}


def test_an_edit_says_what_was_and_what_is() -> None:
    assert [edit.shown() for edit in diff({"a": 1, "b": 2}, {"a": 3, "c": 4})] == [
        {"op": "replace", "path": "/a", "old": 1, "new": 3},
        {"op": "remove", "path": "/b", "old": 2},
        {"op": "add", "path": "/c", "new": 4},
    ]


@pytest.mark.parametrize("pair", [(1, True), (0, False), (1, 1.0), (None, False), ("1", 1)])
def test_what_python_takes_for_equal_but_json_does_not_is_a_difference(pair: Any) -> None:
    assert len(diff({"a": pair[0]}, {"a": pair[1]})) == 1


def test_lists_too_long_to_match_are_told_by_place() -> None:
    many = int(MATCHED**0.5) + 1
    old, new = list(range(many)), [*range(1, many), -1]
    assert applied(diff(old, new), old) == new
