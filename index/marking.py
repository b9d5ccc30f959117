"""Marking: the telling part of a text, with the words that were found.

The engine compares words in the one spelling (`index/spelling.py`) but people read the text as it was
written, so the words are found again here: each word of the text is cut as the engine cuts it, and runs of
words that a query asks for are marked. "tumor" marks "tumour", "lightsheet" marks "light-sheet".
"""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from index.spelling import pieces

Cut = Callable[[str], Sequence[str]]

WORDS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Sought:
    """Stems that must follow each other; the last may be the beginning of a word."""

    stems: tuple[str, ...]
    prefix: bool = False


class Marker:
    """Marks texts for one way of cutting words."""

    def __init__(self, cut: Cut) -> None:
        """Take the engine's way: a word in, its stems out."""
        self._stems = lru_cache(WORDS_KEPT)(lambda word: tuple(cut(word)))

    def mark(self, text: str, sought: Iterable[Sought], length: int) -> str | None:
        """Cut the telling part of a text, at most about `length` characters; None where nothing is found.

        Returns:
            HTML, escaped, with <mark> around what was found.
        """
        held = [(stem, begin, end) for begin, end, word in pieces(text) for stem in self._stems(word)]
        places: dict[str, list[int]] = {}
        for at, (stem, _, _) in enumerate(held):
            places.setdefault(stem, []).append(at)
        spans = sorted({span for each in sought for span in _spans(each, held, places)})
        if not spans:
            return None
        begin, end = _window(text, spans, length)
        return _marked(text, begin, end, spans)


def _spans(
    sought: Sought, held: Sequence[tuple[str, int, int]], places: dict[str, list[int]]
) -> Iterable[tuple[int, int]]:
    """Yield where in the text the stems follow each other."""
    first, count = sought.stems[0], len(sought.stems)
    if sought.prefix and count == 1:
        starts: Iterable[int] = (at for stem in places if stem.startswith(first) for at in places[stem])
    else:
        starts = places.get(first, ())
    for at in starts:
        if all(
            place < len(held)
            and (held[place][0].startswith(stem) if sought.prefix else held[place][0] == stem)
            for place, stem in enumerate(sought.stems, at)
        ):
            yield held[at][1], held[at + count - 1][2]


def _window(text: str, spans: Sequence[tuple[int, int]], length: int) -> tuple[int, int]:
    """Choose the part with the most found, the first of them; it begins and ends between words."""
    if len(text) <= length:
        return 0, len(text)
    begins = [begin for begin, _ in spans]
    best = max(range(len(spans)), key=lambda at: (bisect_left(begins, begins[at] + length) - at, -at))
    begin = max(0, min(begins[best] - length // 6, len(text) - length))
    if begin:
        begin = min(text.find(" ", begin, begins[best]) + 1 or begin, begins[best])
    end = begin + length
    if end < len(text):
        end = max(text.rfind(" ", begin, end), spans[best][1])
    return begin, end


def _marked(text: str, begin: int, end: int, spans: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = begin
    for start, stop in spans:
        if start < at or stop > end:
            continue
        parts += [html.escape(text[at:start]), "<mark>", html.escape(text[start:stop]), "</mark>"]
        at = stop
    return "".join([*parts, html.escape(text[at:end])])
