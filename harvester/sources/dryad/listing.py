"""One page of Dryad's search with its envelope checked, and where a walk over the pages stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urljoin, urlsplit

import orjson

from harvester.errors import Changed, Unavailable
from harvester.fields import Raw
from harvester.source import Answer, Ask
from harvester.sources.dryad.shapes import href, identity

HOST = "https://datadryad.org"

LARGEST_PAGE, PAGE_WITH_FILES = 100, 20
"""Datasets per page. With files every dataset costs a request; a smaller page loses less to a fault."""

LATE = timedelta(hours=1)
"""A change reaches the search index through a queue; what changed shortly before we began counts too."""

MOST_TURNS = 50
"""Times a walk turns back. Dryad withdraws some datasets a year; more means a list that cannot be trusted."""

SAMPLE = "microscopy"
"""What a sample asks for: Dryad holds every field of science, and a sample should show images."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the search."""

    entries: list[dict[str, Raw]]
    total: int
    more: bool

    @property
    def edges(self) -> tuple[str | None, str | None] | None:
        """The first and the last id, by which a repeated page is known."""
        return (identity(self.entries[0]), identity(self.entries[-1])) if self.entries else None


def listing(answer: Answer, page: int) -> Listing:
    """Check the envelope of a page.

    Raises:
        Changed: it is not the one we know, or the next page is not the one after this.
    """
    parsed = answer.json()
    embedded = parsed.get("_embedded") if isinstance(parsed, dict) else None
    entries = embedded.get("stash:datasets") if isinstance(embedded, dict) else None
    total = parsed.get("total") if isinstance(parsed, dict) else None
    if not isinstance(entries, list) or type(total) is not int:
        raise Changed("the search answered no list of datasets", url=answer.url)
    if not all(isinstance(entry, dict) for entry in entries):
        raise Changed("the search listed something that is no dataset", url=answer.url)
    if entries and not any(map(identity, entries)):
        raise Changed("no dataset on this page has a DOI", url=answer.url)
    return Listing(entries, total, _goes_on(href(parsed, "next"), answer.url, page))


def _goes_on(link: str | None, url: str, page: int) -> bool:
    if link is None:
        return False
    follows = urlsplit(urljoin(url, link))
    if f"{follows.scheme}://{follows.netloc}" != HOST:
        raise Changed(f"the next page lies at {follows.netloc}", url=url)
    if follows.path != urlsplit(url).path or parse_qs(follows.query).get("page") != [str(page + 1)]:
        raise Changed(f"page {page} is followed by {link}", url=url)
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands. As JSON it is the bookmark."""

    page: int = 1
    size: int = LARGEST_PAGE
    total: int = 0
    """Announced with the page before."""
    since: str | None = None
    left: int | None = None
    """Of a sample: datasets still wanted."""
    began: str | None = None
    """From when on changes are asked for once the list is read: the first answer's time, a little earlier."""
    again: bool = False
    """Whether the list was read, and this is what changed meanwhile."""
    turns: int = 0
    done: bool = False

    @classmethod
    def of(cls, ask: Ask) -> Place:
        """Begin a walk, or go on with one."""
        if ask.bookmark:
            return cls(**orjson.loads(ask.bookmark))
        size = PAGE_WITH_FILES if ask.options.get("files") == "yes" else LARGEST_PAGE
        if ask.newest is not None:
            return cls(size=max(1, min(size, ask.newest)), left=ask.newest, done=ask.newest <= 0)
        return cls(size=size, since=_stamp(ask.since) if ask.since else None)

    @property
    def is_whole_list(self) -> bool:
        """Whether the announced total counts all that the upstream holds."""
        return self.since is None and self.left is None and not self.again

    def bookmark(self) -> str:
        return orjson.dumps(self).decode()

    def params(self) -> Mapping[str, str | int]:
        """Write the question for this page."""
        asked: dict[str, str | int] = {"per_page": self.size, "page": self.page, "sort": "updated_at_dt desc"}
        if self.left is not None:
            asked["q"] = SAMPLE
        if self.since is not None:
            asked["modifiedSince"] = self.since
        return asked

    def is_behind(self, found: Listing) -> bool:
        """Tell whether the list moved up since the page before: something was withdrawn."""
        return self.page > 1 and found.total < self.total

    def turned_back(self, found: Listing) -> Place:
        """Go back by at least as many entries as the list lost.

        Raises:
            Unavailable: it happened too often to be withdrawals.
        """
        if self.turns >= MOST_TURNS:
            raise Unavailable("the list keeps shrinking while it is read", hint="a later run goes on here")
        pages = -(-(self.total - found.total) // self.size)
        return replace(self, page=max(1, self.page - pages), total=found.total, turns=self.turns + 1)

    def after(self, found: Listing, asked_at: datetime) -> Place:
        """Answer where the walk stands after a page.

        Raises:
            Unavailable: the page holds fewer datasets than it should, so some would be passed over.
        """
        size = len(found.entries) if self.page == 1 and found.more else self.size
        due = min(size, found.total - (self.page - 1) * size)
        if len(found.entries) != due or found.more != (found.total > self.page * size):
            raise Unavailable(
                f"page {self.page} holds {len(found.entries)} of {due} datasets, {found.total} in all",
                hint="the list shifted while it was read; a later run goes on here",
            )
        left = None if self.left is None else max(0, self.left - len(found.entries))
        began = self.began or _stamp(asked_at - LATE)
        if found.more and left != 0:
            return replace(self, page=self.page + 1, size=size, total=found.total, left=left, began=began)
        if self.again or left is not None:
            return replace(self, done=True)
        return Place(size=size, since=began, began=began, again=True)


def _stamp(moment: datetime) -> str:
    # A time without a zone, or a day alone, is refused (dryad-app issue 1826, seen August 2026).
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
