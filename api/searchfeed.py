"""/feeds/search.atom and .json: any search as a feed, what changed last first.

An entry is a record; its id is the record's page, for ever, and `updated` says when it changed last. Pages go
back by revision (RFC 5005): while a writer runs nothing is left out; what changes meanwhile moves to the top.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import web
from lxml import etree
from multidict import MultiDict, MultiMapping

from api.feeds import ATOM, ATOM_TYPE, JSON_TYPE, LARGEST_PAGE, NOT_KNOWN, SIZE, add, answer
from api.node import NODE, Node
from api.parameters import number
from api.search import question
from config import VERSION
from index.query import BadQuery
from index.search import Request
from index.values.addresses import linked
from index.watching import News, latest

SUMMARY = 500
"""Characters of a description."""
PEOPLE = 20

OF_A_PAGE = (
    "sort", "size", "cursor", "facets", "facet_size", "facet_mode", "histograms", "as_of", "collapse",
)  # fmt: skip
"""Parameters of a search that do not decide what is new for it; all others do."""

Pairs = list[tuple[str, str]]


async def atom(request: web.Request) -> web.Response:
    """Answer a search as an Atom feed."""
    asked, found, older = await _found(request)
    return answer(request, _atom(_Here(request, asked, older), found), ATOM_TYPE)


async def json(request: web.Request) -> web.Response:
    """Answer a search as a JSON Feed 1.1."""
    asked, found, older = await _found(request)
    here = _Here(request, asked, older)
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": here.title,
        "home_page_url": here.page,
        "feed_url": here.own,
        **({"next_url": here.older} if here.older else {}),
        "items": [_item(here.base, each) for each in found],
    }
    return answer(request, orjson.dumps(feed), JSON_TYPE)


def asked_of(query: MultiMapping[str]) -> Pairs:
    """Answer the parameters that decide what a search finds, in an order that makes equal searches equal."""
    aside = {*OF_A_PAGE, "before"}
    return sorted((name, value) for name, value in query.items() if name not in aside and value.strip())


def question_of(pairs: Pairs) -> Request:
    """Read the parameters of a search that is to be followed.

    Raises:
        BadQuery: a parameter there is not, or one that says nothing of what is found.
    """
    for name, _ in pairs:
        if name in OF_A_PAGE:
            raise BadQuery(f"{name} has no meaning here: what changed last comes first; leave it out")
    return question(MultiDict(pairs))


class _Here:
    """The addresses of a feed."""

    def __init__(self, request: web.Request, asked: Pairs, older: int | None) -> None:
        self.base, asked_text = request.app[NODE].base(request), urlencode(asked)
        self.own = self.base + request.path_qs
        self.page = f"{self.base}/?{asked_text}"
        # Equal searches are one feed, whatever page of it is read and in what order they name things.
        self.id = f"{self.base}/feeds/search.atom?{asked_text}"
        said = ", ".join(value if name == "q" else f"{name}: {value}" for name, value in asked)
        self.title = f"Research data: {said or 'everything'}"
        before = urlencode([*_pairs(request, without="before"), ("before", str(older))])
        self.older = f"{self.base}{request.path}?{before}" if older else None


async def _found(request: web.Request) -> tuple[Pairs, list[News], int | None]:
    """Answer the search, the page asked for, and the revision before which the next one is."""
    node, query = request.app[NODE], request.query
    size = number(query, "size", default=SIZE, low=1, high=LARGEST_PAGE)
    before = number(query, "before", default=0, low=1) if "before" in query else None
    asked = question_of([pair for pair in _pairs(request, without="before") if pair[0] != "size"])
    found = await node.off_loop(_latest, node, asked, before, size + 1)
    return asked_of(query), found[:size], found[size - 1].kept.revision if len(found) > size else None


def _latest(node: Node, asked: Request, before: int | None, size: int) -> list[News]:
    return latest(node.store, node.engine.snapshot(), asked, before=before, size=size)


def _pairs(request: web.Request, *, without: str) -> Pairs:
    return [(name, value) for name, value in request.query.items() if name != without]


def _atom(here: _Here, found: list[News]) -> bytes:
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    add(feed, "id", here.id)
    add(feed, "title", here.title)
    add(feed, "updated", max((each.at or NOT_KNOWN for each in found), default=NOT_KNOWN))
    add(add(feed, "author"), "name", "Headwater")
    add(feed, "generator", "Headwater", version=VERSION)
    add(feed, "link", rel="self", type=ATOM_TYPE, href=here.own)
    add(feed, "link", rel="alternate", type="text/html", href=here.page)
    if here.older:
        add(feed, "link", rel="next", type=ATOM_TYPE, href=here.older)
    for each in found:
        _entry(add(feed, "entry"), here.base, each)
    return etree.tostring(feed, xml_declaration=True, encoding="utf-8")


def _entry(entry: etree._Element, base: str, news: News) -> None:
    record, page = news.kept.stored, page_of(base, news.kept.id)
    add(entry, "id", page)
    add(entry, "title", record.get("title") or record["id"])
    add(entry, "updated", news.at or NOT_KNOWN)
    add(entry, "link", rel="alternate", type="text/html", href=page)
    landing = linked((record.get("links") or {}).get("landing"))
    if landing:
        add(entry, "link", rel="related", href=landing, title=f"Its page at {record['source']}")
    for person in record.get("creators", ())[:PEOPLE]:
        add(add(entry, "author"), "name", person["name"])
    add(entry, "category", term=record["source"])
    add(entry, "summary", _summary(news))


def _item(base: str, news: News) -> dict[str, Any]:
    record, page = news.kept.stored, page_of(base, news.kept.id)
    landing = linked((record.get("links") or {}).get("landing"))
    return {
        "id": page,
        "url": page,
        **({"external_url": landing} if landing else {}),
        "title": record.get("title") or record["id"],
        "content_text": _summary(news),
        **({"date_modified": news.at} if news.at else {}),
        "authors": [{"name": person["name"]} for person in record.get("creators", ())[:PEOPLE]],
        "tags": [record["source"]],
        "_headwater": {"id": record["id"], "source": record["source"], "revision": news.kept.revision},
    }


def page_of(base: str, id_: str) -> str:
    """Answer the address of a record's page."""
    return f"{base}/records/{quote(id_, safe=':/')}"


def _summary(news: News) -> str:
    record = news.kept.stored
    if record.get("withdrawn"):
        return f"Withdrawn by {record['source']}: {record['withdrawn']['reason']}"
    text = str(record.get("description") or "")
    return text if len(text) <= SUMMARY else f"{text[:SUMMARY].rsplit(' ', 1)[0]} …"
