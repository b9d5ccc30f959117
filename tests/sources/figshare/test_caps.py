"""A cap on page sizes that came overnight: the list goes on although a page is shorter than asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from harvester.source import Answer
from harvester.sources.figshare import searches

FIRST = date(2024, 1, 1)


class Capped:
    """The search, with so many articles to a page at most."""

    def __init__(self, articles: int, cap: int) -> None:
        self.cap, self.asked = cap, 0
        self.held = [
            {"id": number + 1, "published_date": str(FIRST + timedelta(days=number // 7))}
            for number in range(articles)
        ]

    async def post(self, url: str, body: bytes, **_: object) -> Answer:
        self.asked += 1
        question = orjson.loads(body)
        since = question.get("published_since", "")
        found = [article for article in self.held if article["published_date"] > since]
        size = min(self.cap, question["page_size"])
        start = (question["page"] - 1) * size
        shown = orjson.dumps(found[start : start + size])
        return Answer(url, 200, {}, shown, datetime(2026, 1, 1, tzinfo=UTC))

    async def get(self, url: str, **_: object) -> Answer:
        raise NotImplementedError

    def stream(self, url: str, **_: Any) -> AsyncIterator[bytes]:
        raise NotImplementedError


@pytest.mark.parametrize("cap", [1000, 100, 50])
@pytest.mark.parametrize("articles", [0, 7, 99, 100, 250, 1000, 1003, 2500])
async def test_every_article_is_listed_whatever_the_cap(articles: int, cap: int) -> None:
    capped = Capped(articles, cap)
    found: set[int] = set()
    async for entries in searches.walk(capped, searches.EVERYTHING, "published", None):
        found.update(entry.id for entry in entries)
    assert len(found) == articles


async def test_a_list_that_ends_by_itself_costs_no_request_more() -> None:
    capped = Capped(99, 1000)
    async for _ in searches.walk(capped, searches.EVERYTHING, "published", None):
        pass
    assert capped.asked == 1
