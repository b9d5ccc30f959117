"""How a query was understood, and where it was not: for the API's answers, the page and the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from index.query import BadQuery, Note, as_words
from index.search import Answer


@dataclass(frozen=True, slots=True)
class Marked:
    """A query cut at the place that is meant."""

    before: str
    place: str
    after: str
    message: str
    hint: str | None = None


def shape_reading(answer: Answer) -> dict[str, Any]:
    """Shape how the words were read: in one form, and what may have been meant otherwise."""
    notes = [{"message": n.message, "position": n.position, "length": n.length} for n in answer.notes]
    return {"understood": answer.understood, "notes": notes}


def place_of(error: BadQuery) -> dict[str, object]:
    """Answer what a problem says beyond its sentence; nothing where no place in the words is meant."""
    if error.position is None:
        return {}
    return {
        "message": error.message, "hint": error.hint, "position": error.position, "length": error.length,
    }  # fmt: skip


def mark(words: str, about: BadQuery | Note) -> Marked | None:
    """Cut a query at the place an error or a note is about; None if that is not in the words."""
    if about.position is None:
        return None
    end = about.position + about.length
    hint = about.hint if isinstance(about, BadQuery) else None
    return Marked(
        words[: about.position], words[about.position : end], words[end:], about.message, hint
    )  # fmt: skip


def way_out(words: str, error: BadQuery) -> str | None:
    """Answer the same as plain words, where the words are what is wrong and there is something left."""
    return (as_words(words) or None) if error.position is not None else None


def pointed(words: str, error: BadQuery) -> str:
    """Say what is wrong, with the query below and a mark under the place."""
    if error.position is None:
        return str(error)
    shown = "".join(character if character.isprintable() else " " for character in words)
    under = " " * error.position + "^" * max(1, error.length)
    return f"{error}\n  {shown}\n  {under}"
