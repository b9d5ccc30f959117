"""The search API, in slices of time: it answers 25 records per page and 10,000 per question."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from harvester import scope
from harvester.errors import Changed
from harvester.fields import Raw
from harvester.protocols.oai_records import stamp
from harvester.protocols.oai_windows import Place, Terms, walk
from harvester.source import Answer, Ask, Document, Fetch, Page
from harvester.sources.zenodo import facts, shapes
from index.values import formats

SIZE = 25
"""Records per page for a guest since November 2025; the answer to more names the cap, which is then kept."""
LARGEST_SLICE = 9_500
"""Page times size ends at 10,000; a slice may grow a little while it is read."""
BEGINNING = datetime(2013, 5, 8, tzinfo=UTC)
"""Zenodo's opening; nothing was updated before."""

_PACKED = {"zip", "gz"}
"""Last parts of double extensions (ome.zarr.zip, nii.gz): the search knows only these, and too many do."""


def _asked_for() -> Iterator[str]:
    """Yield what finds everything that the scope takes: formats, beginnings of words, words of names."""
    endings = {each.rpartition(".")[2] for name in scope.FORMATS for each in formats.spellings(name)}
    yield f"files.entries.ext:({' OR '.join(sorted(endings - _PACKED))})"
    beginnings = dict.fromkeys(tuple(re.findall(r"[^\W_]+", term)) for term in scope.TERMS)
    for words in beginnings:
        # No phrase ends in a beginning: "electron tomogra" is asked for by both words, wherever they are.
        asked = " AND ".join([*words[:-1], f"{words[-1]}*"])
        yield f"({asked})" if len(words) > 1 else asked
    for name in ("metadata.title", "metadata.subjects.subject"):
        yield f"{name}:({' OR '.join(scope.WORDS)})"


IMAGING = " OR ".join(_asked_for())
"""What the imaging scope asks for, in native field names.

It is wider than the scope, which judges each record by itself (harvester/scope.py): a search cannot tell
a microscope in a title from one in an affiliation.
"""

SHAPES = "application/vnd.inveniordm.v1+json, application/json;q=0.9"
"""Native JSON, the shape of the dump: it keeps ROR ids, all licenses and all funders, the public one not."""

_CAP = re.compile(r"Page size cannot be greater than (\d+)")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a search."""

    answer: Answer
    documents: tuple[Document, ...]
    token: str | None
    complete_list_size: int
    token_expires: datetime | None = None

    def ids(self) -> Iterator[str]:
        return (str(document.id) for document in self.documents)


async def slices(fetch: Fetch, ask: Ask, bookmark: str | None) -> AsyncIterator[Page]:
    """Walk from the last harvest, or from the beginning, to now."""
    community = await _community(fetch, ask.options.get("community"))
    now = datetime.now(UTC)

    def pages(place: Place) -> AsyncIterator[Sheet]:
        first, last = (stamp(moment).removesuffix("Z") for moment in (place.since, place.until or now))
        span = f"updated:[{first} TO {last}]"
        asked = f"({IMAGING}) AND {span}" if ask.scope == "imaging" else span
        return _search(fetch, {"q": asked, "sort": "-mostrecent", **community})

    terms = Terms(pages, "seconds", resumable=False, largest=LARGEST_SLICE, where=facts.API)
    place = Place.read(bookmark) if bookmark else Place(ask.since or BEGINNING)
    async for sheet, after in walk(terms, place, max(now - place.since, timedelta(days=1)), now):
        yield Page(sheet.answer.url, sheet.documents, after, sheet.answer.asked_at)


async def newest(fetch: Fetch, ask: Ask, bookmark: str | None) -> AsyncIterator[Page]:
    """Take a sample: the newest records, page by page."""
    wanted, held = ask.newest or 0, int(bookmark or 0)
    asked = {"sort": "mostrecent", **({"q": IMAGING} if ask.scope == "imaging" else {})}
    async for sheet in _search(fetch, asked, first=held // SIZE + 1):
        part = sheet.documents[: wanted - held]
        held += len(part)
        yield Page(
            sheet.answer.url, part, str(held), sheet.answer.asked_at, announced=sheet.complete_list_size
        )
        if held >= wanted:
            return


async def _search(fetch: Fetch, asked: Mapping[str, str], first: int = 1) -> AsyncIterator[Sheet]:
    """Ask page after page; the last one has no token."""
    number, size, held = first, SIZE, (first - 1) * SIZE
    while True:
        params: dict[str, str | int] = {**asked, "all_versions": "true", "size": size, "page": number}
        answer = await fetch.get(facts.API, params=params, headers={"Accept": SHAPES}, accept=(200, 400))
        if answer.status == 400:
            size = _smaller(answer, size)
            continue
        hits, total = _hits(answer)
        _check_community(asked.get("communities"), hits, answer.url)
        documents = tuple(shapes.json_documents(hits)) if hits else ()
        held += len(documents)
        more = bool(documents) and held < total and (number + 1) * size <= 10_000
        number += 1
        yield Sheet(answer, documents, str(number) if more else None, total)
        if not more:
            return


def _hits(answer: Answer) -> tuple[list[Raw], int]:
    """Take an answer's hits and their total.

    Raises:
        Changed: the envelope is another.
    """
    said = answer.json()
    hits = said.get("hits") if isinstance(said, dict) else None
    if not isinstance(hits, dict) or not isinstance(hits.get("hits"), list):
        raise Changed("a search without hits.hits", url=answer.url)
    total = hits.get("total")
    if not isinstance(total, int):
        raise Changed("a search without hits.total", url=answer.url)
    return hits["hits"], total


def _smaller(answer: Answer, size: int) -> int:
    """Learn the page size that the refusal of a larger one names.

    Raises:
        Changed: the refusal is about something else.
    """
    said = orjson.dumps(answer.json()).decode()
    match = _CAP.search(said)
    if match is None or int(match[1]) >= size:
        raise Changed(f"status 400: {said[:200]}", url=answer.url)
    return int(match[1])


async def _community(fetch: Fetch, slug: str | None) -> dict[str, str]:
    """Make sure that a community exists: of an unknown one Zenodo drops the filter and shows everything."""
    if slug is None:
        return {}
    answer = await fetch.get(f"{facts.SITE}/api/communities/{slug}", accept=(200, 404))
    if answer.status != 200 or answer.json().get("slug") != slug:
        raise Changed(f"no community {slug!r}", url=answer.url, hint="check the option community")
    return {"communities": slug}


def _check_community(slug: str | None, hits: list[Raw], url: str) -> None:
    for hit in hits if slug else ():
        native = ((hit.get("parent") or {}).get("communities") or {}).get("entries")
        named = native or (hit.get("metadata") or {}).get("communities") or ()
        if all(slug not in {each.get("id"), each.get("identifier"), each.get("slug")} for each in named):
            raise Changed(f"a hit is not in community {slug!r}", url=url, hint="the filter was dropped")
