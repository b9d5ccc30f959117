"""Telling figshare's answers apart, and taking the articles out of them.

Seen: details and lists of API v2, public and of an account; pages and lines of API v1 (dead since 2016);
articles kept under made-up keys (fixtures of the Open Science Framework); fragments without an id; pages
of OAI-PMH; error bodies, firewall pages, projects, collections and files, none of which is an article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from harvester.errors import BadRecord
from harvester.fields import Raw
from harvester.protocols import oaipmh
from harvester.source import Document
from index.values import identifiers

DEEPEST = 3
"""Levels of made-up keys above an article; in the fixtures seen there are two."""

_NUMBER_IN_DOI = re.compile(r"[./]([1-9]\d{4,8})(?:\.v\d+)?$")
_NUMBER_IN_ADDRESS = re.compile(r"/articles/(?:.*/)?(\d{3,9})(?:/\d{1,3})?/?$")
_PLACES = {"doi", "url_public_html", "figshare_url", "url_public_api", "article_id"}
"""Fields of which every article has one, and nothing inside an article."""
_COPIES = "10.5281/"
"""figshare showed copies of Zenodo's records under Zenodo's DOIs (2020), with Zenodo's numbers in them."""
_OAI_ID = re.compile(r"oai:figshare\.com:article/(\d+)")


def documents_in(body: bytes) -> Iterator[Document]:
    """Split an answer into its articles.

    Raises:
        BadRecord: it holds none; the text says what it is instead.
    """
    start = body[:300].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise BadRecord("an empty answer, as a firewall's challenge has it")
    if start.startswith((b"<html", b"<!doctype html")):
        raise BadRecord("an HTML page, not an answer of the API")
    if start.startswith(b"<"):
        for record in oaipmh.split(body):
            yield Document(oai_number(record.identifier), record.xml, "application/xml")
        return
    yield from _documents_in_json(body)


def number_of(article: dict[str, Raw]) -> str | None:
    """Answer an article's number: its id, the one at the end of its DOI, or the one in its address."""
    for key in ("id", "article_id"):
        if str(article.get(key) or "").isdigit():
            return str(article[key])
    for key in ("figshare_url", "url_public_html", "url_public_api", "url"):
        if match := _NUMBER_IN_ADDRESS.search(str(article.get(key) or "")):
            return match[1]
    doi, _reason = identifiers.doi(article.get("doi"))
    match = _NUMBER_IN_DOI.search(doi or "")
    return match[1] if match and doi and not doi.startswith(_COPIES) else None


def oai_number(identifier: str) -> str | None:
    """Answer the article's number in an OAI-PMH identifier."""
    match = _OAI_ID.fullmatch(identifier)
    return match[1] if match else None


def not_an_article(thing: dict[str, Raw]) -> str | None:
    """Say what a thing is when it is no public article; None for an article."""
    address = str(thing.get("url") or thing.get("figshare_url") or "")
    if "/collections/" in address or "figshare.c." in str(thing.get("doi")):
        return "a collection, not an article"
    if "collaborators" in thing or re.search(r"/projects/(?:[^/]*/)?\d+/?$", address):
        return "a project, not an article"
    if _is_draft(thing):
        return "a draft that was never published"
    return None


def _is_draft(article: dict[str, Raw]) -> bool:
    if article.get("is_public") is False or str(article.get("status")).lower() in {"draft", "drafts"}:
        return True
    unpublished = "published_date" in article and not article["published_date"]
    return unpublished and not article.get("timeline") and not article.get("doi")


def _documents_in_json(body: bytes) -> Iterator[Document]:
    answer = _parsed(body)
    if isinstance(answer, dict) and _looks_like_an_article(answer):
        if (refusal := not_an_article(answer)) is not None:
            raise BadRecord(refusal)
        yield Document(number_of(answer), body)
        return
    found = list(_articles_in(answer, DEEPEST))
    if not found:
        raise BadRecord(_what_it_is(answer))
    refusals = [not_an_article(article) for article in found]
    if None not in refusals and len(set(refusals)) == 1 and isinstance(answer, list):
        raise BadRecord(f"a list; each entry is {refusals[0]}")
    for article in found:
        yield Document(number_of(article), orjson.dumps(article))


def _parsed(body: bytes) -> Raw:
    """Parse JSON, or JSON line by line."""
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [orjson.loads(line) for line in lines]


def _articles_in(thing: Raw, depth: int) -> Iterator[dict[str, Raw]]:
    if isinstance(thing, list):
        for entry in thing:
            yield from _articles_in(entry, depth)
    elif isinstance(thing, dict) and _looks_like_an_article(thing):
        yield thing
    elif isinstance(thing, dict) and depth and "openapi" not in thing and "swagger" not in thing:
        for entry in thing.values():
            yield from _articles_in(entry, depth - 1)


def _looks_like_an_article(thing: dict[str, Raw]) -> bool:
    """Tell an article, whole or trimmed, from a category, a grant or a file: they have ids and titles too."""
    placed = _PLACES & thing.keys()
    return bool(placed and ("title" in thing or "files" in thing or "is_embargoed" in thing))


def _what_it_is(answer: Raw) -> str:
    if not isinstance(answer, dict):
        return "an empty list of articles" if answer == [] else "JSON without an article"
    if "openapi" in answer or "swagger" in answer:
        return "a description of the API, not an answer of it"
    if "message" in answer:
        return f"an error body: {str(answer['message'])[:200]}"
    if any("download_url" in thing for thing in (answer, *answer.values()) if isinstance(thing, dict)):
        return "a file, not an article"
    headers = answer.get("_headers") or answer.get("headers")
    return _what_exchange(headers) if isinstance(headers, dict) else "JSON without an article"


def _what_exchange(headers: dict[str, Raw]) -> str:
    challenged = any(name.lower().startswith("x-amzn-waf") for name in headers)
    return "a firewall's challenge" if challenged else "a description of an HTTP exchange, not its body"
