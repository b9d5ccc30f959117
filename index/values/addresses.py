"""Addresses of pages, so written that those of one page are equal.

What somebody copies from the address bar and what a repository states differ in scheme, "www.", case, a slash
at the end and what was clicked on the way.
Zenodo's pages were at /record/N until 2023 and are at /records/N since; figshare writes the kind, the
title and the version around the number that counts.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from index.values import identifiers

_ADDRESS = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,24}(?::\d+)?)(/\S*)?", re.IGNORECASE)
_ZENODO = re.compile(r"zenodo\.org/(?:api/)?(?:records?|deposit)/(\d+)(?:/.*)?")
_FIGSHARE = re.compile(r"(?:[\w-]+\.)?figshare\.com/articles/(?:[^?]*?/)?(\d+)(?:/\d+)?")
_DOI_INSIDE = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s?#&]+", re.ASCII)


def address(raw: str) -> str | None:
    """Normalize the address of a page; None if it is none."""
    match = _ADDRESS.fullmatch(raw.strip())
    if match is None:
        return None
    host = match[1].lower().removeprefix("www.")
    parts = urlsplit((match[2] or "").lower())
    asked = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith("utm_")]
    whole = (host + unquote(parts.path)).rstrip("/") + (f"?{urlencode(asked)}" if asked else "")
    if zenodo := _ZENODO.fullmatch(whole):
        return f"zenodo.org/records/{zenodo[1]}"
    if figshare := _FIGSHARE.fullmatch(whole):
        return f"figshare.com/articles/{figshare[1]}"
    return whole if len(whole.split()) == 1 else None


def identifier(raw: str) -> str | None:
    """Answer what a page's address says about what it shows: an identifier within it, or the address itself.

    Lower case, as look-ups are.
    """
    text = identifiers.fold_hyphens(raw.strip())
    url = text if text.lower().startswith("http") else f"https://{text}"
    for cleaner in (identifiers.doi, identifiers.orcid, identifiers.ror, identifiers.pmid, identifiers.pmcid):
        value, _reason = cleaner(url)
        if value is not None:
            return value.lower()
    if inside := _DOI_INSIDE.search(unquote(url)):
        value, _reason = identifiers.doi(inside[0].rstrip("/"))
        if value is not None:
            return value
    for segment in reversed(url.split("/")[3:]):
        if known := identifiers.accession(segment):
            return known[1].lower()
    return address(url)


def linked(address: str | None) -> str | None:
    """Answer an address that may be linked to; None for others: a stranger's may begin with javascript:."""
    return address if address and address.startswith(("https://", "http://")) else None
