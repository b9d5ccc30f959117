"""What belongs to imaging, and why we say so."""

from __future__ import annotations

from typing import Any

import pytest

from harvester.scope import place, why
from index.record import Files, Record, Term, Withdrawal


def a(**fields: Any) -> Record:
    return Record(id="zenodo:1", source="zenodo", **fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"files": Files(formats=("csv", "czi"))}, "file format czi"),
        ({"imaging_methods": (Term(label="confocal microscopy"),)}, "imaging method confocal microscopy"),
        ({"title": "Light-sheet recordings of a heart"}, "title says light-sheet"),
        ({"title": "Images of pollen"}, "title says images"),
        ({"keywords": ("Cryo-EM",)}, "keyword says cryo-em"),
        ({"description": "Cells were segmented with Cellpose."}, "description says cellpose"),
    ],
)
def test_a_record_in_scope_says_why(fields: Any, reason: str) -> None:
    assert why(a(**fields)) == (reason,)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "Imagine a table of salaries"},
        {"description": "The image of the party in the press"},
        {"files": Files(formats=("csv", "pdf", "png"))},
        {"title": "Telescope logs", "keywords": ("astronomy",)},
    ],
)
def test_a_word_that_only_looks_like_it_says_nothing(fields: Any) -> None:
    assert why(a(**fields)) == ()
    assert not place(a(**fields), "imaging").is_inside


def test_everything_is_in_the_scope_of_everything_and_needs_no_reason() -> None:
    placed = place(a(title="Salaries"), "everything")
    assert placed.is_inside
    assert placed.record.taken_for == ()


def test_a_tombstone_is_never_out_of_scope() -> None:
    gone = a(title="Salaries", withdrawn=Withdrawal(reason="taken back"))
    assert place(gone, "imaging").is_inside
