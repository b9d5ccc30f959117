"""What is searched for in the imaging scope, and how figshare's list of articles is walked.

The list tells no total and ends with a short page, and one query gives 9,000 articles at most. So the walk
goes on by date: each page begins one day before the last day seen, and articles met before are passed over.
Pages are counted only within a day that fills one, all of them before the first article is asked for: a new
version of an article read before moves it to the list's end and the rest up, past the edge of a page. When
one day holds more than 8,000, the `X-Cursor` header leads on.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

import orjson

from harvester import scope
from harvester.errors import Changed
from harvester.fields import Raw
from harvester.source import Answer, Fetch

API = "https://api.figshare.com/v2/articles"
PAGE = 1000
"""Articles per page; the API refuses more (422)."""
PAGES = 8
"""Pages of one day: 8,000 articles, below the 9,000 at which the API refuses to go on."""

Clock: TypeAlias = Literal["published", "modified"]

FIGURE, MEDIA, DATASET = 1, 2, 3

_HIDDEN = {"zip", "gz"}
"""Last parts of double extensions (ome.zarr.zip, nii.gz): the search knows only these, and too many do."""

_WORDS = (
    (
        *("microscopy", "microscope", "micrograph", "confocal", "light sheet", "light-sheet", "lightsheet"),
        *("two-photon", "multiphoton", "super-resolution", "expansion microscopy", "fluorescence imaging"),
        *("photoacoustic", "confocal microscopy", "fluorescence microscopy", "light sheet microscopy"),
    ),
    (
        *("cryo-EM", "cryoEM", "cryo-ET", "cryo-electron", "electron tomography", "volume EM", "FIB-SEM"),
        *("SBF-SEM", "serial block-face", "connectome", "connectomics", "electron microscopy", "ssTEM"),
    ),
    (
        *("histology", "histological", "histopathology", "whole slide", "whole-slide", "immunofluorescence"),
        *("immunohistochemistry", "cell painting", "high-content screening", "high content screening"),
        *("live imaging", "live-cell imaging", "calcium imaging", "time-lapse", "time lapse", "image-based"),
    ),
    (
        *("magnetic resonance imaging", "MRI", "fMRI", "neuroimaging", "micro-CT", "microCT", "µCT"),
        *("computed tomography", "CT scan", "X-ray tomography", "positron emission tomography"),
        *("ultrasound imaging", "optical coherence tomography", "fundus", "radiograph", "radiography"),
        *("endoscopy", "endoscopic"),
    ),
    (
        *("bioimaging", "bioimage", "bio-imaging", "OME-Zarr", "OME-TIFF", "cell segmentation"),
        *("nuclei segmentation", "nucleus segmentation", "image segmentation", "hyperspectral imaging"),
        *("mass spectrometry imaging", "Cellpose", "StarDist", "napari", "ImageJ", "ilastik"),
    ),
)
"""Whole words for the beginnings of words in `scope.TERMS`: figshare stems words, but wants tags whole."""


@dataclass(frozen=True, slots=True)
class Search:
    """One question to the list: a type of article and what to search for, None for all of them."""

    type: int | None = None
    words: str | None = None

    def asked(self) -> dict[str, str | int]:
        """Answer the fields of the question."""
        fields = {"item_type": self.type, "search_for": self.words}
        return {name: value for name, value in fields.items() if value is not None}


EVERYTHING = Search()


def _any_of(names: Iterable[str], *operators: str) -> str:
    """Write a search: any of the names, anywhere or in the places that the operators name."""
    quoted = [name if re.fullmatch(r"\w+", name) else f'"{name}"' for name in names]
    places = [f"{operator} " for operator in operators] or [""]
    return " OR ".join(place + name for name in quoted for place in places)


def _extensions() -> tuple[tuple[str, ...], ...]:
    """Answer the last parts of the formats' extensions, in lists of a dozen."""
    last = (name.rpartition(".")[2] for name in scope.FORMATS)
    names = sorted({*last, "tiff"} - _HIDDEN)
    return tuple(tuple(names[start : start + 12]) for start in range(0, len(names), 12))


def _searches() -> Iterator[Search]:
    for names in _extensions():
        yield Search(DATASET, _any_of(names, ":extension:"))
    for words in _WORDS:
        yield Search(DATASET, _any_of(words))
    yield Search(DATASET, _any_of(scope.WORDS, ":title:", ":tag:"))
    for kind in (MEDIA, FIGURE):
        # Every figure of PLOS is a TIFF, and captions of papers speak of microscopes: here the title or
        # a tag must say it, or a format that only microscopes write.
        for names in _extensions():
            yield Search(
                kind, _any_of((name for name in names if name not in {"tif", "tiff"}), ":extension:")
            )
        for words in _WORDS:
            yield Search(kind, _any_of(words, ":title:", ":tag:"))


IMAGING = tuple(_searches())
"""The searches of the imaging scope, data sets first; what two of them find is asked for once."""
IMAGING_AT_ONCE = Search(DATASET, _any_of((words[0] for words in _WORDS), ":title:", ":tag:"))
"""One search for a sample."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a list tells that a harvest needs: the article, and the day by which the list is ordered."""

    id: int
    day: str


async def walk(
    fetch: Fetch, search: Search, clock: Clock, since: str | None
) -> AsyncIterator[tuple[Entry, ...]]:
    """Walk what a search finds, the oldest first, from after a day to the end.

    Raises:
        Changed: an answer is no list of articles, or not in the order asked for.
    """
    ended = False
    while not ended:
        found, ended = await _window(fetch, search, clock, since)
        yield tuple(found)
        since = found[-1].day if found else since


async def ask(fetch: Fetch, asked: Mapping[str, str | int], cursor: str | None = None) -> Answer:
    """Ask the search."""
    headers = {"Content-Type": "application/json"} | ({"X-Cursor": cursor} if cursor else {})
    return await fetch.post(f"{API}/search", orjson.dumps(asked), headers=headers)


def articles_in(answer: Answer) -> list[dict[str, Raw]]:
    """Answer the list of articles in an answer.

    Raises:
        Changed: there is none.
    """
    items = answer.json()
    if isinstance(items, list) and all(isinstance(item, dict) and item.get("id") for item in items):
        return items
    raise Changed("the search answered something else than a list of articles", url=answer.url)


def day_before(day: str) -> str:
    """Answer the day before a day."""
    return str(date.fromisoformat(day) - timedelta(days=1))


async def _window(fetch: Fetch, search: Search, clock: Clock, since: str | None) -> tuple[list[Entry], bool]:
    """List from after a day until a later day has come, or to the end; answer whether it is the end."""
    asked = search.asked() | {"order": f"{clock}_date", "order_direction": "asc"}
    asked |= {f"{clock}_since": day_before(since)} if since else {}
    found: list[Entry] = []
    for page in range(1, PAGES + 1):
        answer = await ask(fetch, asked | {"page": page, "page_size": PAGE})
        entries = _entries(answer, clock)
        found += entries
        if _is_last(entries) or found[-1].day > (since or ""):
            return found, _is_last(entries)
    return await _long_day(fetch, asked | {"limit": PAGE}, clock, since or "")


async def _long_day(
    fetch: Fetch, asked: Mapping[str, str | int], clock: Clock, since: str
) -> tuple[list[Entry], bool]:
    """List a day with more articles than pages may hold, by the cursor that each answer carries."""
    found: list[Entry] = []
    cursor: str | None = None
    while True:
        answer = await ask(fetch, asked, cursor)
        entries = _entries(answer, clock)
        if entries and entries == found[-len(entries) :]:
            raise Changed("X-Cursor leads to the same articles again", url=answer.url)
        found += entries
        if _is_last(entries) or entries[-1].day > since:
            return found, _is_last(entries)
        cursor = {name.lower(): value for name, value in answer.headers.items()}.get("x-cursor")
        if not cursor:
            raise Changed(f"more than {PAGES * PAGE} articles of one day, and no X-Cursor", url=answer.url)


def _is_last(entries: list[Entry]) -> bool:
    """Tell whether a page ends its list.

    A page that is short by a round number may have been cut by a new cap on page sizes, as Zenodo set one in
    November 2025; the next page, which then is empty, tells.
    """
    return not entries or (len(entries) < PAGE and len(entries) % 10 != 0)


def _entries(answer: Answer, clock: Clock) -> list[Entry]:
    """Read a page of a list.

    Raises:
        Changed: it has no dates, or is not in their order.
    """
    entries: list[Entry] = []
    for item in articles_in(answer):
        day = str(item.get(f"{clock}_date") or "")[:10]
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
            raise Changed(f"an article without {clock}_date: no way to walk the list", url=answer.url)
        if entries and day < entries[-1].day:
            raise Changed("the list is not in the order asked for", url=answer.url)
        entries.append(Entry(int(item["id"]), day))
    return entries
