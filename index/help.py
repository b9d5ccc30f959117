"""Help for whoever searches: suggestions, the spelling that was meant, and why nothing was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from index.engines import Snapshot
from index.moments import moment
from index.query import highlights, parse
from index.search import Answer, Catalogue, Request
from index.misspelled import Spelling, nearest
from index.suggest import KINDS, Kind, Suggester, Suggestion, asking_for
from index.watching import query_of

LITTLE = 3
"""Records: a search that finds no more may be misspelled."""
PARTS_LOOKED_AT = 16
"""Of a search that finds nothing; each costs two counts."""
TITLES = 3
"""Titles suggested at most."""
WORDS, FREQUENT = 3, 20_000
"""Ends of a last word suggested at most, and only after words that are in fewer records: each is counted."""

_PIECE = re.compile(r'(?:[^\s()"]*:)?-?"[^"]*"(?:~\d+)?|[()]|[^\s()"]+|"')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a search that found nothing: some words or one filter."""

    name: str
    """`q`, or the name of the filter."""
    text: str
    without: int
    """Records the search finds without it."""
    alone: int
    """Records it finds alone."""
    words: str
    """The words of the search without it."""
    filters: Mapping[str, Sequence[str]]
    """The filters of the search without it."""


@dataclass(frozen=True, slots=True)
class WhyEmpty:
    """Why a search found nothing."""

    parts: tuple[Part, ...]
    unlooked: int
    """Parts beyond those looked at."""

    @property
    def sentence(self) -> str:
        """Say it to people."""
        nowhere = [part for part in self.parts if not part.alone]
        if nowhere:
            named = ", ".join(part.text for part in nowhere)
            return f"No record has {named}."
        helping = [part for part in self.parts if part.without]
        if helping:
            best = max(helping, key=lambda part: part.without)
            return f"Each part is there, but not together; without {best.text} there are {best.without:,}."
        return "Each part is there, but no record has all of them, nor all but one."


class Helper:
    """Helps those who ask a catalogue; to be asked from many threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._suggester = Suggester()

    # ---- as somebody types -------------------------------------------------------------------

    def suggest(self, typed: str, size: int = 10, kinds: Sequence[Kind] = ()) -> list[Suggestion]:
        """Suggest what to ask for: values by kind, titles, words; each finds what its count says."""
        snapshot = self.catalogue.engine.snapshot()
        words = snapshot.help.words(typed)
        if not words:
            return []
        found: list[Suggestion] = []
        for field, token in self._suggester.suggest(snapshot, typed, size):
            count = snapshot.help.count(asking_for(field, token), at=snapshot.revision)
            if count and (not kinds or KINDS[field] in kinds):
                label = self.catalogue.label(snapshot, field, token)
                found.append(Suggestion(KINDS[field], label, count, {field: token}))
        titles = list(self._titles(snapshot, words, size)) if not kinds or "title" in kinds else []
        found = found[: max(size - len(titles), size - TITLES)] + titles
        if len(found) < size and (not kinds or "word" in kinds):
            found += self._words(snapshot, words, size - len(found), {one.text.casefold() for one in found})
        return found[:size]

    def _titles(self, snapshot: Snapshot, words: Sequence[str], size: int) -> Iterator[Suggestion]:
        places = snapshot.help.titled(words, min(size, TITLES))
        for kept in self.catalogue.store.fetch(places).values():
            title = kept.stored.get("title", "")
            asks = {"q": '"' + title.replace('"', " ") + '"'}
            count = snapshot.help.count(parse(asks["q"]), at=snapshot.revision)
            if count:
                yield Suggestion("title", title, count, asks, kept.id)

    def _words(
        self, snapshot: Snapshot, words: Sequence[str], size: int, known: set[str]
    ) -> Iterator[Suggestion]:
        """Yield ends for the last word; a tombstone's words are not in the list, so each finds something."""
        *whole, last = words
        if whole and min(map(snapshot.help.frequency, whole)) > FREQUENT:
            return
        before = " ".join((*whole, ""))
        for word, _ in snapshot.help.beginning(last, min(size, WORDS)):
            text = before + word
            count = snapshot.help.count(parse(text), at=snapshot.revision) if text not in known else 0
            if count:
                yield Suggestion("word", text, count, {"q": text})

    # ---- when little was found ---------------------------------------------------------------

    def did_you_mean(self, request: Request, answer: Answer) -> Spelling | None:
        """Find the spelling that was meant, where a word is hardly known; None when none finds more."""
        if answer.total > LITTLE or request.cursor or not request.words.strip():
            return None
        snapshot = self.catalogue.engine.snapshot()
        changed: dict[str, str] = {}
        for text in dict.fromkeys(
            words.text for words in highlights(parse(request.words)) if not words.prefix
        ):
            for word in re.findall(r"[^\W\d_]{3,}", text):
                better = nearest(snapshot.help, self.catalogue.store, word)
                if better is not None:
                    changed[word] = better
        if not changed:
            return None
        corrected = request.words
        for word, better in changed.items():
            corrected = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", better, corrected)
        total = self._count(snapshot, request, corrected, request.filters)
        return Spelling(corrected, total, changed) if total > answer.total else None

    def why_empty(self, request: Request, answer: Answer) -> WhyEmpty | None:
        """Tell which part of a search that finds nothing is to blame; None when something was found."""
        if answer.total or request.cursor:
            return None
        pieces, snapshot = top_pieces(request.words), self.catalogue.engine.snapshot()
        names = [name for name, values in request.filters.items() if any(value.strip() for value in values)]
        looked = [("q", at) for at in range(len(pieces))] + [(name, 0) for name in names]
        parts = []
        no_filters: dict[str, Sequence[str]] = {}
        for name, at in looked[:PARTS_LOOKED_AT]:
            words, kept = request.words, dict(request.filters)
            if name == "q":
                text, own = pieces[at], (pieces[at], no_filters)
                words = " ".join((*pieces[:at], *pieces[at + 1 :]))
            else:
                text = f"{name}={' or '.join(kept[name])}"
                own = ("", {name: kept.pop(name)})
            without = self._count(snapshot, request, words, kept)
            parts.append(Part(name, text, without, self._count(snapshot, request, *own), words, kept))
        return WhyEmpty(tuple(parts), max(0, len(looked) - PARTS_LOOKED_AT)) if parts else None

    def _count(
        self, snapshot: Snapshot, request: Request, words: str, filters: Mapping[str, Sequence[str]]
    ) -> int:
        at = moment(self.catalogue.store, request.as_of).revision if request.as_of else snapshot.revision
        query = query_of(words, filters)
        return snapshot.help.count(query, at=min(at, snapshot.revision), withdrawn=request.withdrawn)


def top_pieces(text: str) -> list[str]:
    """Cut a search into the parts that must all match; with an OR between them the whole is one part."""
    groups: list[str] = []
    depth, before = 0, ""
    for piece in _PIECE.findall(text.strip()):
        if piece == "OR" and not depth:
            return [text.strip()]
        if depth:
            groups[-1] += f" {piece}"
        elif piece == "NOT" or piece[-1] in "-:":
            before += "NOT " if piece == "NOT" else piece
            continue
        elif piece != "AND":
            groups.append(before + piece)
            before = ""
        depth = max(0, depth + (piece == "(") - (piece == ")"))
    return [group for group in groups if any(character.isalnum() for character in group)]
