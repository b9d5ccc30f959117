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
from itertools import accumulate

from index.spelling import normal, pieces, with_initials

Spans = list[tuple[int, int]]
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
        self._stems = lru_cache(WORDS_KEPT)(lambda word: tuple(cut(normal(word))))

    def mark(self, text: str, sought: Iterable[Sought], length: int) -> str | None:
        """Cut the telling part of a text, at most about `length` characters; None where nothing is found.

        Returns:
            HTML, escaped, with <mark> around what was found.
        """
        sought = tuple(sought)
        if text.isascii() and all(len(each.stems) == 1 for each in sought):
            spans = self._alone(text, sought)
        else:
            spans = self._together(text, sought)
        if not spans:
            return None
        begin, end = _window(text, spans, length)
        return _marked(text, begin, end, spans)

    def _alone(self, text: str, sought: Sequence[Sought]) -> Spans:
        """Find words that are sought one by one: only those are cut that may be it, one in fifteen."""
        whole = {each.stems[0] for each in sought if not each.prefix}
        begun = tuple(each.stems[0] for each in sought if each.prefix)
        candidates = with_initials(frozenset(each.stems[0][0] for each in sought))
        return [
            found.span()
            for found in candidates.finditer(text)
            if any(stem in whole or stem.startswith(begun) for stem in self._stems(found[0]))
        ]

    def _together(self, text: str, sought: Sequence[Sought]) -> Spans:
        """Find words that must follow each other, or stand in a text with accents."""
        # Twenty texts are marked per page of results: what is done per word is done by built-in functions.
        parts = pieces(text)
        cut = list(map(self._stems, parts[1::2]))
        stems = [stem for each in cut for stem in each]
        runs = [(at, at + len(each.stems)) for each in sought for at in _places(each, stems)]
        ends = list(accumulate(map(len, parts)))
        word = [at for at, each in enumerate(cut) for _ in each]
        return sorted({(ends[2 * word[first]], ends[2 * word[last - 1] + 1]) for first, last in runs})


def _places(sought: Sought, stems: Sequence[str]) -> list[int]:
    """List where among a text's stems those that are sought follow each other."""
    first, count = sought.stems[0], len(sought.stems)
    if sought.prefix:
        found = [at for at, stem in enumerate(stems) if stem.startswith(first)]
    else:
        found = [at for at, stem in enumerate(stems) if stem == first]
    return found if count == 1 else [at for at in found if _follow(sought, stems[at : at + count])]


def _follow(sought: Sought, stems: Sequence[str]) -> bool:
    *whole, last = sought.stems
    if len(stems) < len(sought.stems) or list(stems[:-1]) != whole:
        return False
    return stems[-1].startswith(last) if sought.prefix else stems[-1] == last


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
