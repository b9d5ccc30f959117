"""Harvests that list articles by searching and ask for the details of each, at one request a second.

A page holds the details of 25 articles, so a kill costs at most 25 requests. The bookmark says which
search is under way, from which day its list must be walked again, and which articles of those days are
done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from harvester.errors import Changed
from harvester.source import Answer, Document, Fetch, Page
from harvester.sources.figshare import searches
from harvester.sources.figshare.searches import API, Clock, Entry, Search
from index.record import Withdrawal

BATCH = 25
REMEMBERED = 5_000
"""Articles a bookmark names at most; on a day with more some are asked for twice, which changes nothing."""

GONE = Withdrawal(reason="no longer served by the API (404)")


@dataclass(slots=True)
class _Place:
    """Where a harvest stands: which search, from which day on, and what is done of that day and later."""

    search: int = 0
    since: str | None = None
    done: dict[int, str] = field(default_factory=dict)
    """The days of articles by id."""

    @classmethod
    def read(cls, bookmark: str) -> _Place:
        kept = orjson.loads(bookmark)
        return cls(kept["search"], kept["since"], {int(id_): day for id_, day in kept["done"].items()})

    def write(self) -> str:
        done = {str(id_): day for id_, day in list(self.done.items())[-REMEMBERED:]}
        return orjson.dumps({"search": self.search, "since": self.since, "done": done}).decode()

    def finish(self, batch: Sequence[Entry]) -> None:
        """Count articles as done; forget those of days that the walk will not come back to."""
        self.done |= {entry.id: entry.day for entry in batch}
        self.since = batch[-1].day
        edge = searches.day_before(self.since)  # the walk's questions overlap by a day
        self.done = {id_: day for id_, day in self.done.items() if day >= edge}


async def harvest(
    fetch: Fetch, asked: Sequence[Search], *, since: datetime | None, bookmark: str | None
) -> AsyncIterator[Page]:
    """Walk the searches; ask for each article once.

    Args:
        fetch: the polite client.
        asked: the searches, in order.
        since: only articles modified after this moment; None for all, by date of publication.
        bookmark: where an earlier harvest stopped.
    """
    clock: Clock = "modified" if since else "published"
    first_day = since.astimezone(UTC).strftime("%Y-%m-%d") if since else None
    place = _Place.read(bookmark) if bookmark else _Place(since=first_day)
    met = set(place.done)
    while place.search < len(asked):
        async for entries in searches.walk(fetch, asked[place.search], clock, place.since):
            new = [entry for entry in entries if entry.id not in met]
            met.update(entry.id for entry in new)
            for start in range(0, len(new), BATCH):
                batch = new[start : start + BATCH]
                place.finish(batch)
                yield await _page(fetch, [entry.id for entry in batch], place.write())
        place = _Place(place.search + 1, first_day)


async def sample(fetch: Fetch, search: Search, newest: int, bookmark: str | None) -> AsyncIterator[Page]:
    """Ask for the newest articles that one search finds; a bookmark is how many are done."""
    asked = search.asked() | {"order": "published_date", "order_direction": "desc"}
    asked |= {"page": 1, "page_size": min(newest, searches.PAGE)}
    items = searches.articles_in(await searches.ask(fetch, asked))
    for start in range(int(bookmark or 0), len(items), BATCH):
        batch = [int(item["id"]) for item in items[start : start + BATCH]]
        yield await _page(fetch, batch, str(start + len(batch)))


async def detail(fetch: Fetch, number: str) -> Answer:
    """Ask for one article; status 404 means that it was withdrawn.

    Raises:
        Changed: the answer is not that article.
    """
    answer = await fetch.get(f"{API}/{number}", accept=(200, 404))
    found = answer.json()
    if isinstance(found, dict) and answer.status == 404 and "message" in found:
        return answer
    if isinstance(found, dict) and str(found.get("id")) == number and "title" in found:
        return answer
    raise Changed("the article's details carry another id or no title", url=answer.url)


async def _page(fetch: Fetch, numbers: Sequence[int], bookmark: str) -> Page:
    """Ask for the details of some articles; what answers 404 was withdrawn after the list was made."""
    found: list[Document] = []
    withdrawn: dict[str, Withdrawal] = {}
    answers = [(str(number), await detail(fetch, str(number))) for number in numbers]
    for number, answer in answers:
        if answer.status == 404:
            withdrawn[number] = GONE
        else:
            found.append(Document(number, answer.body))
    last = answers[-1][1]
    return Page(last.url, tuple(found), bookmark, last.asked_at, withdrawn=withdrawn)
