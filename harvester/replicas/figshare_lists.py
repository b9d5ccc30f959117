"""The lists of figshare's replica: which articles a question finds, in order, and one page of them."""

from __future__ import annotations

import base64
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import orjson

from harvester.fields import Raw
from harvester.replicas.figshare_search import Text, parse
from harvester.replicas.holdings import Generated, Holding, Holdings
from harvester.replicas.server import Replica

LARGEST_PAGE = 1000
FURTHEST = 9000

_LISTED = (
    *("id", "title", "doi", "handle", "url", "published_date", "thumb", "defined_type", "defined_type_name"),
    *("group_id", "url_private_api", "url_public_api", "url_private_html", "url_public_html"),
    *("resource_title", "resource_doi", "created_date", "modified_date"),
)
"""Fields of an article in a list (recorded 2023 to 2026)."""

Order: TypeAlias = Literal["published_date", "created_date", "modified_date"]


class Unprocessable(Exception):
    """A question the API answers with 422; the text is its message."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked of the list."""

    type: int | None
    words: str | None
    doi: str | None
    resource_doi: str | None
    order: Order
    descending: bool
    published_since: datetime | None
    modified_since: datetime | None
    start: int
    count: int

    @classmethod
    def of(cls, asked: dict[str, Raw], cursor: str | None) -> Question:
        """Read the fields of a question.

        Raises:
            Unprocessable: one of them cannot be processed.
        """
        wanted = asked.get("order") or "published_date"
        order = next((order for order in get_args(Order) if order == wanted), None)
        if order is None:
            raise Unprocessable("Invalid value received for order")
        start, count = _span(asked, cursor)
        type_ = asked.get("item_type")
        return cls(
            int(type_) if type_ is not None else None,
            asked.get("search_for"),
            asked.get("doi"),
            asked.get("resource_doi"),
            order,
            asked.get("order_direction", "desc") != "asc",
            _moment(asked.get("published_since")),
            _moment(asked.get("modified_since")),
            start,
            count,
        )


def page(replica: Replica, question: Question) -> tuple[list[dict[str, Raw]], str]:
    """Answer one page of a list, and the cursor after it."""
    places, first = _found(replica, question)
    length = len(places) - first
    asked = range(question.start, min(question.start + question.count, length))
    chosen = [places[len(places) - 1 - nth if question.descending else first + nth] for nth in asked]
    after = base64.urlsafe_b64encode(str(question.start + len(chosen)).encode()).decode()
    return [item_of(replica.holdings[place]) for place in chosen], after


def item_of(holding: Holding) -> dict[str, Raw]:
    """Show an article as lists do."""
    article = holding.json()
    timeline = dict(article.get("timeline") or {})
    if timeline.get("firstOnline"):
        timeline["firstOnline"] = timeline["firstOnline"][:10]
    return {name: article.get(name) for name in _LISTED} | {"id": int(holding.id), "timeline": timeline}


def _span(asked: dict[str, Raw], cursor: str | None) -> tuple[int, int]:
    size = int(asked.get("page_size") or asked.get("limit") or 10)
    if not 1 <= size <= LARGEST_PAGE:
        raise Unprocessable(f"page_size must be between 1 and {LARGEST_PAGE}")
    if cursor:
        if asked.get("page") or asked.get("offset"):
            raise Unprocessable("X-Cursor cannot be used with page or offset")
        return int(base64.urlsafe_b64decode(cursor)), size
    start = int(asked.get("offset") or (int(asked.get("page") or 1) - 1) * size)
    if start + size > FURTHEST:
        raise Unprocessable("Max page reached. Please narrow down your search")
    return start, size


def _moment(said: Raw) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(said)) if said else None
    except ValueError as error:
        raise Unprocessable(f"not a date: {said}") from error
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


@dataclass(frozen=True, slots=True)
class _Copies:
    """Places of generated articles: copies of a few, some of which a search finds."""

    hits: list[int]
    step: int
    size: int

    def __len__(self) -> int:
        whole, rest = divmod(self.size, self.step)
        return whole * len(self.hits) + sum(hit < rest for hit in self.hits)

    def __getitem__(self, nth: int) -> int:
        turn, hit = divmod(nth, len(self.hits))
        return turn * self.step + self.hits[hit]


def _found(replica: Replica, question: Question) -> tuple[_Copies | list[int], int]:
    """Answer the places a search finds, in order, and how many of them are older than asked for."""
    holdings = replica.holdings
    key = (question.type, question.words, question.doi, question.resource_doi, question.order, len(holdings))
    known = replica.memory.setdefault("places", {})
    if key not in known:
        known[key] = (
            _among_copies(holdings, question)
            if isinstance(holdings, Generated)
            else _among_listed(holdings, question)
        )
    places, first = known[key], 0
    for clock, since in (
        ("modified_date", question.modified_since),
        ("published_date", question.published_since),
    ):
        if since is None:
            continue
        if isinstance(places, _Copies) or question.order == clock:
            first = max(first, bisect_left(places, since, key=lambda place: _date(holdings, place, clock)))
        else:
            places = [place for place in places if _date(holdings, place, clock) >= since]
    return places, first


def _among_copies(holdings: Generated, question: Question) -> _Copies:
    """Find out what a search finds for one copy of each, so that a million copies cost nothing."""
    step = min(len(holdings.templates), len(holdings))
    first = enumerate(holdings[place].json() for place in range(step))
    return _Copies([place for place, article in first if _fits(article, question)], step, len(holdings))


def _among_listed(holdings: Holdings, question: Question) -> list[int]:
    articles = ((place, holdings[place].json()) for place in range(len(holdings)))
    found = [place for place, article in articles if _fits(article, question)]
    return sorted(found, key=lambda place: (_date(holdings, place, question.order), place))


def _date(holdings: Holdings, place: int, clock: str) -> datetime:
    held = holdings[place]
    return held.changed if isinstance(holdings, Generated) else stamp_of(held.json(), clock)


def stamp_of(article: dict[str, Raw], clock: str) -> datetime:
    """Answer one of an article's dates; fragments lack them."""
    said = article.get(clock) or article.get("published_date") or article.get("created_date") or "2000-01-01"
    moment = datetime.fromisoformat(str(said))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_matcher = lru_cache(maxsize=256)(parse)


def _fits(article: dict[str, Raw], question: Question) -> bool:
    return (
        (question.type is None or article.get("defined_type") == question.type)
        and (question.doi is None or article.get("doi") == question.doi)
        and (question.resource_doi is None or article.get("resource_doi") == question.resource_doi)
        and _matcher(question.words)(Text.of(article))
    )


def question_in(body: bytes) -> dict[str, Raw]:
    """Read the body of a search; an empty one asks for everything.

    Raises:
        Unprocessable: it is no JSON object.
    """
    try:
        asked = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Unprocessable("the body is no JSON") from error
    if not isinstance(asked, dict):
        raise Unprocessable("the body is no JSON object")
    return asked
