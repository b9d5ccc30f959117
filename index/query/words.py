"""Words, as people type them, turned into a query.

Words are joined by AND; `OR`, `NOT`, `-word`, "a phrase", "a phrase"~3, `wor*`, `word~`, `field:value` and
parentheses do what they say; an identifier is looked up wherever it stands. What reads like text is text:
signs that make no sense are searched as words or left out, with a note that says where. Only what can hardly
be text is an error, and it says where as well. docs/query-language.md tells it to people.

The engine's own parser never sees this: Tantivy's fails on `5' UTR` and finds nothing for
`soil AND NOT water`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.query.fields import NAME_FIELDS, TEXT_FIELDS, as_id, known, nearest, value
from index.query.lexer import MINUS, QUOTES, Lexer, Piece
from index.query.nodes import (
    FUZZIEST,
    LONGEST_WORD,
    SLOPPIEST,
    BadQuery,
    Everything,
    Note,
    OneOf,
    Query,
    Words,
    both,
    either,
    lookup,
    without,
)
from index.query.ranges import QUANTITIES
from index.query.spot import whole
from index.values import identifiers
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS

DEEPEST = 20
"""Parentheses within parentheses."""
MOST_PIECES = 400
"""Words and signs of one query; each costs a look at the index. The longest abstracts have as many words."""

NOTHING = Words("")
"""What a text without letters and digits comes to: it finds nothing."""

_SIMPLE = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_FUZZY = re.compile(r"(.+)~(\d*(?:\.\d+)?)", re.DOTALL)
_NAMED = re.compile(r"([A-Za-z][\w.-]+):([^:/\s].*)", re.DOTALL)
_SIGNS = re.compile(r"[+<>=/'\"()\[\]{}^&|!?\\#%@$~*]")
_PUNCTUATION = ".,;:!?"


@dataclass(frozen=True, slots=True)
class Reading:
    """A query, and how it was understood where that is not plain."""

    query: Query
    notes: tuple[Note, ...] = ()


def parse(text: str) -> Query:
    """Read what somebody typed into the search box.

    Raises:
        BadQuery: it can hardly be meant as text; says where it is wrong and what to write.
    """
    return read(text).query


def read(text: str) -> Reading:
    """Read what somebody typed, with notes on what may have been meant otherwise.

    Raises:
        BadQuery: it can hardly be meant as text; says where it is wrong and what to write.
    """
    if text.strip() in {"", "*", "*:*"}:
        return Reading(Everything())
    identifier = whole(text.strip().strip(QUOTES))
    if identifier is not None:
        return Reading(identifier.query)
    lexer = Lexer(text)
    pieces = lexer.pieces()
    if len(pieces) > MOST_PIECES:
        at = pieces[MOST_PIECES].start
        message = f"a query has at most {MOST_PIECES} words and signs; this one has {len(pieces)}"
        raise BadQuery(message, hint="leave some out", position=at, length=len(text) - at)
    parser = _Parser(pieces, lexer.notes)
    query = parser.whole() or _only_operators(pieces)
    if query == NOTHING:
        message = "there is no letter and no digit in this, so nothing can be found"
        return Reading(query, (Note(message, 0, len(text)),))
    return Reading(query, tuple(sorted(parser.notes, key=lambda note: note.position)))


def _only_operators(pieces: Sequence[Piece]) -> Query:
    """Take OR, AND and NOT as words where there is nothing they could join."""
    words = [piece.text for piece in pieces if piece.text.isalpha()]
    return Words(" ".join(words)) if words else NOTHING


@dataclass(frozen=True, slots=True)
class _Term:
    query: Query
    is_plain: bool = False
    """Words without a field and outside parentheses."""
    identifier: Piece | None = None
    """Where an identifier stands, if it is one."""


class _Parser:
    """Reads pieces by recursive descent; OR binds looser than AND."""

    def __init__(self, pieces: Sequence[Piece], notes: list[Note]) -> None:
        self.pieces, self.at, self.notes = pieces, 0, notes

    def whole(self) -> Query | None:
        found: list[Query] = []
        while self.at < len(self.pieces):
            part = self._alternatives(0, None)
            if part is not None:
                found.append(part)
            if self.at < len(self.pieces):
                self._note("this parenthesis closes nothing and was left out", self.pieces[self.at])
                self.at += 1
        return both(found) if found else None

    def _alternatives(self, depth: int, field: str | None) -> Query | None:
        """Read up to the end or a closing parenthesis, which is left to the caller."""
        groups: list[Query] = []
        while True:
            group = self._group(depth, field)
            if group is not None:
                groups.append(group)
            piece = self._peek()
            if piece is None or piece.kind != "or":
                return either(groups) if groups else None
            self.at += 1
            if group is None or self._peek() is None:
                self._note("this OR joins nothing and was left out", piece)

    def _group(self, depth: int, field: str | None) -> Query | None:
        terms: list[_Term] = []
        is_strict = depth > 0
        while (piece := self._peek()) and piece.kind not in {"or", "close"}:
            if piece.kind == "and":
                self.at += 1
                is_strict = True
                following = self._peek()
                if not terms or following is None or following.kind in {"or", "close"}:
                    self._note("this AND joins nothing and was left out", piece)
                continue
            term = self._term(depth, field)
            if term is not None:
                terms.append(term)
        if not terms:
            return None
        return both(term.query for term in terms) if is_strict else self._loosened(terms)

    def _loosened(self, terms: Sequence[_Term]) -> Query:
        """Let identifiers find their records whatever words stand around them, as in a pasted reference."""
        sure = [(term.query, term.identifier) for term in terms if term.identifier]
        plain = [term.query for term in terms if term.is_plain]
        if not sure or not plain:
            return both(term.query for term in terms)
        message = "beside an identifier the other words need not occur; join them by AND if they must"
        self._note(message, sure[0][1])
        rest = [term.query for term in terms if not term.identifier and not term.is_plain]
        return both([either([*(query for query, _ in sure), both(plain)]), *rest])

    def _term(self, depth: int, field: str | None) -> _Term | None:
        negations = 0
        first = self.pieces[self.at]
        while (piece := self._peek()) and piece.kind == "not":
            negations += 1
            self.at += 1
        if piece is None or piece.kind in {"or", "and", "close"}:
            self._note(f"this {first.text} leaves out nothing and was left out", first)
            return None
        term = self._atom(piece, depth, field)
        if term is None or negations == 0:
            return term
        return _Term(without(term.query) if negations % 2 else term.query)

    def _atom(self, piece: Piece, depth: int, field: str | None) -> _Term | None:
        self.at += 1
        if piece.kind == "open":
            query = self._parenthesis(piece, depth, field)
            return _Term(query) if query else None
        if piece.kind == "field":
            if field is not None:
                error = BadQuery(f"a field within the parentheses of {field}:", hint="close them first")
                raise error.at(piece.start, piece.end - piece.start)
            return self._fielded(piece, depth)
        if field is not None:
            return _Term(self._value(field, self._joined(field, piece)))
        if piece.kind == "identifier" and piece.query is not None:
            return _Term(piece.query, not piece.is_sure, piece if piece.is_sure else None)
        return self._text(piece)

    def _parenthesis(self, opened: Piece, depth: int, field: str | None) -> Query | None:
        if depth >= DEEPEST:
            message = f"parentheses stand within parentheses more than {DEEPEST} deep"
            raise BadQuery(message, hint="write fewer", position=opened.start, length=1)
        query = self._alternatives(depth + 1, field)
        if self._peek() is None:
            self._note("this parenthesis is never closed; it was taken to end with the query", opened)
        self.at += 1
        if query is None:
            self._note("there is nothing in these parentheses", opened)
        return query

    def _fielded(self, name: Piece, depth: int) -> _Term:
        piece = self._peek()
        if piece is None or piece.start > name.end + 1:
            # The value was a quotation mark alone, which the lexer left out and noted.
            message = f"{name.text}: has no value"
            hint = f'write {name.text}:word or {name.text}:"several words"'
            raise BadQuery(message, hint=hint, position=name.start, length=name.end - name.start)
        self.at += 1
        if piece.kind == "open":
            query = self._parenthesis(piece, depth, name.text)
            if query is None:
                message = f"{name.text}: has no value in its parentheses"
                hint = f"write {name.text}:(one OR other)"
                raise BadQuery(message, hint=hint, position=name.start, length=piece.end - name.start)
            return _Term(query)
        return _Term(self._value(name.text, piece))

    def _joined(self, field: str, piece: Piece) -> Piece:
        """Take words side by side as one value where it is asked for whole: organism:(Mus musculus)."""
        if field in TEXT_FIELDS or field in NAME_FIELDS:
            return piece
        words, last = [piece.text], piece
        while (following := self._peek()) and following.kind == "word" and last.kind == "word":
            words.append(following.text)
            last = following
            self.at += 1
        return replace(piece, text=" ".join(words), end=last.end)

    # ---- values and words ------------------------------------------------------------------

    def _value(self, field: str, piece: Piece) -> Query:
        """Read the value of a field. A name is asked for by its words, or in quotes as a whole."""
        try:
            if field in TEXT_FIELDS:
                return self._words(piece, field)
            is_whole = piece.kind == "phrase" and not piece.slop
            if field in NAME_FIELDS and not is_whole and as_id(piece.text) is None:
                return self._words(piece, field)
            if piece.kind != "phrase" and piece.text.endswith(("*", "~")):
                message = f"{field}: asks for whole values, without {piece.text[-1]} at the end"
                raise BadQuery(message, hint=_instead(field, piece.text))
            if not any(map(str.isalnum, piece.text)) and field not in QUANTITIES:
                raise BadQuery(f"{field}: has no value", hint=f"write {field}:value")
            query = value(field, piece.text, "{}:")
        except BadQuery as error:
            if error.position is not None:
                raise
            raise error.at(piece.start, piece.end - piece.start) from error
        self._note_unknown_term(field, query, piece)
        return query

    def _note_unknown_term(self, field: str, query: Query, piece: Piece) -> None:
        vocabulary = {"organism": ORGANISMS, "imaging_method": IMAGING_METHODS}.get(field)
        if vocabulary and isinstance(query, OneOf) and vocabulary.label(query.values[0]) is None:
            message = f"{piece.text!r} is not in our list of terms; only records that say just this are found"
            several = f'; several words need quotes: {field}:"two words"' if piece.kind == "word" else ""
            self._note(message + several, piece)

    def _words(self, piece: Piece, field: str) -> Query:
        term = self._text(piece, field)
        if term is None:
            raise BadQuery(f"{field}: has nothing to search for", hint=f"write {field}:word")
        return term.query

    def _text(self, piece: Piece, field: str | None = None) -> _Term | None:
        """Read a word or a phrase as text; None if there is nothing in it that could be found."""
        if piece.kind == "phrase":
            return self._quoted(piece, field)
        text = piece.text
        if field is None:
            if text in {"*", "*:*"}:
                return _Term(Everything())
            if found := self._identified(piece) or self._named(piece):
                return found
        if not any(map(str.isalnum, text)):
            return None
        special = self._prefix(piece, field) or self._fuzzy(piece, field)
        if special is None:
            self._note_text(piece)
        return _Term(special or Words(text, field=field), is_plain=True)

    def _quoted(self, piece: Piece, field: str | None) -> _Term | None:
        if not any(map(str.isalnum, piece.text)):
            return None
        if piece.slop > SLOPPIEST:
            message = f"words may be moved by at most {SLOPPIEST} places"
            hint = f"write ~{SLOPPIEST} or less, or join the words by AND"
            raise BadQuery(message, hint=hint, position=piece.start, length=piece.end - piece.start)
        if field is None and not piece.slop and (found := self._identified(piece)):
            return found
        return _Term(Words(piece.text, slop=piece.slop, field=field), is_plain=True)

    def _identified(self, piece: Piece) -> _Term | None:
        """Look up what is one identifier, in quotes or before a parenthesis."""
        found = whole(piece.text)
        return _Term(found.query, not found.is_sure, piece if found.is_sure else None) if found else None

    def _prefix(self, piece: Piece, field: str | None) -> Words | None:
        stem = piece.text.rstrip("*")
        if stem == piece.text:
            return None
        return Words(stem, prefix=True, field=field) if _SIMPLE.fullmatch(stem) else None

    def _fuzzy(self, piece: Piece, field: str | None) -> Words | None:
        match = _FUZZY.fullmatch(piece.text)
        if match is None or not _SIMPLE.fullmatch(match[1]):
            return None
        if match[2] not in {"", *map(str, range(FUZZIEST + 1))}:
            hint = "write word~ for one letter, word~2 for two"
            message = f"at most {FUZZIEST} letters of a word may differ"
            raise BadQuery(message, hint=hint, position=piece.start, length=piece.end - piece.start)
        return Words(match[1], fuzzy=int(match[2] or 1), field=field)

    def _named(self, piece: Piece) -> _Term | None:
        """Read `name:rest` where the name is no field: an id with a prefix, text with a colon, or a slip."""
        match = _NAMED.fullmatch(piece.text)
        if match is None or known(match[1]) is not None:
            return None
        name, rest = match[1], match[2]
        for field, vocabulary in (("organism", ORGANISMS), ("imaging_method", IMAGING_METHODS)):
            if name.lower() == vocabulary.prefix.lower() and (id_ := vocabulary.compact(piece.text)):
                return _Term(OneOf(field, (id_,)))
        trimmed = piece.text.rstrip(_PUNCTUATION)
        if identifiers.sniff(rest.rstrip(_PUNCTUATION)):
            return _Term(lookup(identifiers.fold_hyphens(trimmed)), identifier=piece)
        is_prefix = any(map(str.isupper, name[1:])) or any(map(str.isdigit, name))
        near = nearest(name)
        if any(map(str.isdigit, rest)) and (is_prefix or not near):
            return _Term(lookup(identifiers.fold_hyphens(trimmed)), is_plain=True)
        if is_prefix:
            return None
        meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        hint = f'{meant}if it is text, write "{piece.text.replace(chr(34), "")}" in quotes'
        raise BadQuery(f"there is no field {name!r}", hint=hint, position=piece.start, length=len(name) + 1)

    # ---- notes ---------------------------------------------------------------------------------

    def _note_text(self, piece: Piece) -> None:
        bare = piece.text.strip(_PUNCTUATION)
        inner = re.sub(r"(?<=\w)['\u2019](?=\w)", "", bare)
        words = " ".join(re.findall(r"[^\W_]+", bare))
        if len(bare.encode()) >= LONGEST_WORD and " " not in words:
            self._note(f"runs of {LONGEST_WORD} and more letters are not indexed", piece)
        elif piece.text in {"or", "and", "not"}:
            self._note(f"'{piece.text}' was searched as a word; write {piece.text.upper()} to join", piece)
        elif _SIGNS.search(inner) or bare[:1] in MINUS:
            self._note(f"signs are not searched: {piece.text!r} finds {words!r}", piece)

    def _note(self, message: str, piece: Piece) -> None:
        self.notes.append(Note(message, piece.start, piece.end - piece.start))

    def _peek(self) -> Piece | None:
        return self.pieces[self.at] if self.at < len(self.pieces) else None


def _instead(field: str, text: str) -> str:
    if text == "*":
        return f"write has:{field} for records that state one" if field in {"doi", "license"} else "see has:"
    return f'write {field}:"the whole value", or the word alone to search all texts'
