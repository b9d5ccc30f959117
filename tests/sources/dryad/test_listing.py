"""What of the search's answers is believed, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from harvester.errors import Changed, Unavailable
from harvester.http import Polite
from harvester.source import Answer, Ask
from harvester.sources import dryad
from harvester.sources.dryad.listing import Listing, Place, listing
from index.record import Withdrawal

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


class Canned(Polite):
    """A client that knows one answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    async def get(self, url: str, **asked: Any) -> Answer:
        return self.answer if "modifiedSince" not in str(asked) else answer_of([])


def answer_of(entries: list[object], total: int | None = None, following: str | None = None) -> Answer:
    links = {"next": {"href": following}} if following else {}
    parsed = {
        "_links": links,
        "count": len(entries),
        "total": len(entries) if total is None else total,
        "_embedded": {"stash:datasets": entries},
    }
    return Answer("https://datadryad.org/api/v2/search?page=1", 200, {}, orjson.dumps(parsed), NOW, parsed)


async def test_what_the_search_still_lists_but_dryad_hides_is_withdrawn() -> None:
    hidden = {"identifier": "doi:10.5061/dryad.h", "id": 7, "message": "Identifier cannot be viewed."}
    shown = {"identifier": "doi:10.5061/dryad.s", "title": "Shown"}
    pages = [page async for page in dryad.pages(Canned(answer_of([hidden, shown])), Ask())]
    assert [document.id for document in pages[0].documents] == ["doi:10.5061/dryad.s"]
    assert pages[0].withdrawn == {"doi:10.5061/dryad.h": Withdrawal(reason="cannot be viewed")}


ONE = {"identifier": "doi:10.5061/dryad.s", "title": "One"}


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/api/v2/search?page=2",
        "http://datadryad.org/api/v2/search?page=2",
        "//elsewhere.example/api/v2/search?page=2",
        "/api/v2/datasets?page=2",
        "/api/v2/search?page=1",
        "/api/v2/search",
    ],
)
def test_a_next_page_that_is_not_the_one_after_is_refused(link: str) -> None:
    with pytest.raises(Changed):
        listing(answer_of([ONE], 2, link), 1)


def test_a_next_page_is_known_by_a_relative_link() -> None:
    assert listing(answer_of([ONE], 2, "/api/v2/search?page=2&per_page=1"), 1).more


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"error": "not-found"},
        {"total": 1, "_embedded": {"stash:files": []}},
        {"total": None, "_embedded": {"stash:datasets": []}},
        {"total": 1, "_embedded": {"stash:datasets": ["doi:10.5061/dryad.s"]}},
        {"total": 1, "_embedded": {"stash:datasets": [{"title": "No identity"}]}},
    ],
)
def test_an_envelope_we_do_not_know_stops_the_source(body: object) -> None:
    with pytest.raises(Changed):
        listing(Answer("https://datadryad.org/api/v2/search", 200, {}, b"", NOW, body), 1)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (Place(page=2, total=250), Listing([ONE] * 99, 250, more=True)),  # one is missing
        (Place(page=3, total=250), Listing([ONE] * 49, 250, more=False)),  # so here, on the last
        (Place(page=2, total=250), Listing([ONE] * 100, 250, more=False)),  # it ends too early
        (Place(page=3, total=250), Listing([ONE] * 50, 250, more=True)),  # or goes on too far
    ],
)
def test_a_page_short_of_datasets_is_an_outage_and_never_the_end(place: Place, found: Listing) -> None:
    with pytest.raises(Unavailable, match="the list shifted while it was read"):
        place.after(found, NOW)


def test_a_list_that_keeps_shrinking_is_given_up() -> None:
    with pytest.raises(Unavailable, match="keeps shrinking"):
        Place(page=2, total=250, turns=50).turned_back(Listing([ONE], 249, more=True))
