"""What somebody typed, cut into pieces that know their place. Nothing is an error here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from index.query.fields import known
from index.query.nodes import Note, Query
from index.query.spot import spot
from index.values.identifiers import fold_hyphens

Kind: TypeAlias = Literal["open", "close", "and", "or", "not", "field", "word", "phrase", "identifier"]

QUOTES = '"“”„‟'
MINUS = "-−–"  # noqa: RUF001  # what a keyboard, a phone or a word processor makes of it
_PHRASE = re.compile(rf"[{QUOTES}]((?:\\[\"\\]|[^{QUOTES}])*?)[{QUOTES}]((?:~\d{{1,9}})?)")
_FIELD = re.compile(r"([A-Za-z_][A-Za-z_-]*):")
_OPERATORS: dict[str, Kind] = {"AND": "and", "&&": "and", "OR": "or", "||": "or", "NOT": "not"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what was typed."""

    kind: Kind
    text: str
    """A word as typed, a phrase without its quotes, the name of a field."""
    start: int
    end: int
    slop: int = 0
    query: Query | None = None
    """What an identifier looks up."""
    is_sure: bool = False


class Lexer:
    """Cuts one text."""

    def __init__(self, text: str) -> None:
        self.text, self.folded = text, fold_hyphens(text)
        self.notes: list[Note] = []

    def pieces(self) -> list[Piece]:
        """Cut the text."""
        found: list[Piece] = []
        at = 0
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
                continue
            piece = self._next(at, self._is_value(found, at))
            if piece is None:
                at += 1
                continue
            found.append(piece)
            at = piece.end
        return found

    def _is_value(self, found: list[Piece], at: int) -> bool:
        """Tell whether the value of a field begins here; a lone quotation mark does not keep it away."""
        return bool(found) and found[-1].kind == "field" and not self.text[found[-1].end : at].strip(QUOTES)

    def _next(self, at: int, of_field: bool) -> Piece | None:
        character = self.text[at]
        if character == "(":
            return Piece("open", character, at, at + 1)
        if character == ")":
            return Piece("close", character, at, at + 1)
        if character in QUOTES:
            return self._phrase(at)
        if of_field:
            return self._word(at)
        if character in MINUS and self._begins_something(at + 1):
            return Piece("not", character, at, at + 1)
        return self._identifier(at) or self._field(at) or self._word(at)

    def _begins_something(self, at: int) -> bool:
        following = self.text[at : at + 1]
        return bool(following) and not following.isspace() and following not in MINUS

    def _phrase(self, at: int) -> Piece | None:
        match = _PHRASE.match(self.text, at)
        if match is None:
            self.notes.append(Note("this quotation mark is alone and was left out", at, 1))
            return None
        text = " ".join(re.sub(r"\\([\"\\])", r"\1", match[1]).split())
        slop = int(match[2][1:]) if match[2] else 0
        return Piece("phrase", text, at, match.end(), slop)

    def _identifier(self, at: int) -> Piece | None:
        found = spot(self.folded, at)
        if found is None:
            return None
        return Piece("identifier", self.text[at : found.end], at, found.end, 0, found.query, found.is_sure)

    def _field(self, at: int) -> Piece | None:
        match = _FIELD.match(self.text, at)
        name = known(match[1]) if match else None
        if match is None or name is None or self.text[at : match.end() + 1] == "*:*":
            return None
        following = self.text[match.end() : match.end() + 1]
        if not following or following.isspace() or following == ")":
            message = f"{match[0]!r} has no value and was searched as a word; leave no space after it"
            self.notes.append(Note(message, at, len(match[0])))
            return None
        return Piece("field", name, at, match.end())

    def _word(self, at: int) -> Piece:
        end = self._end_of_word(at)
        text = self.text[at:end]
        return Piece(_OPERATORS.get(text, "word"), text, at, end)

    def _end_of_word(self, at: int) -> int:
        """Find where a word ends: at a space, or at a parenthesis that does not open and close within it."""
        depth, opened = 0, at
        for place in range(at, len(self.text)):
            character = self.text[place]
            if character.isspace():
                return opened if depth else place
            if character == "(":
                opened = place if depth == 0 else opened
                depth += 1
            elif character == ")":
                if depth == 0:
                    return place
                depth -= 1
        return opened if depth else len(self.text)
