"""Articles of API v1, turned into the shape of v2, so that one mapping serves both.

The API died in 2016; mirrors of 2015 live on. Dates are "15:08, Apr 24, 2015", sizes "5.37 KB", a file set
has a list of DOIs, addresses are plain http and the files' host is gone.
"""

from __future__ import annotations

import re

from harvester.fields import Notes, Raw, listed, mappings
from index.values import sizes

_CITATION = re.compile(
    r"(?P<authors>.+?)\s*\((?P<year>\d{4})\)\s*(?P<title>.+?[.?!])\s+"
    r"(?P<journal>[A-Z][^.:]*?)\s+\d+(?:\(\d+\))?\s*:.*",
    re.DOTALL,
)


def modernized(article: dict[str, Raw], notes: Notes) -> dict[str, Raw]:
    """Rename and reshape what v2 has under another name; the rest stays and is looked at there."""
    take = article.pop
    dois = listed(take("doi", None))
    if len(dois) > 1:
        notes.found.append(("doi: several, the first is taken", ", ".join(map(str, dois))[:120]))
    files = [_file(entry, notes) for entry in mappings(take("files", None))]
    return article | {
        "id": take("article_id"),
        "doi": next(iter(dois), None),
        "further_dois": dois[1:],
        "defined_type_name": take("defined_type", None),
        "resource_doi": take("publisher_doi", None),
        "cited": cited(take("publisher_citation", None)),
        "tags": [entry.get("name") for entry in mappings(take("tags", None))],
        "categories": [
            {"id": entry.get("id"), "title": entry.get("name")}
            for entry in mappings(take("categories", None))
        ],
        "files": files,
        "sizes_are_rounded": True,
        "size": notes.clean(sizes.clean, take("total_size", None)),
        "references": [entry.get("link") for entry in mappings(take("links", None))],
    }


def cited(citation: Raw) -> dict[str, str]:
    """Read "Wu S, Liu S (2015) Title. PLoS ONE 10(4): e0123976. doi: ...": authors, year, title, journal."""
    match = _CITATION.fullmatch(citation) if isinstance(citation, str) else None
    found = match.groupdict() if match else {}
    return {name: said.removesuffix(".") if name == "title" else said for name, said in found.items()}


def _file(entry: dict[str, Raw], notes: Notes) -> dict[str, Raw]:
    entry["size"] = notes.clean(sizes.clean, entry.pop("size", None))
    entry["mimetype"] = entry.pop("mime_type", None)
    entry["download_url"] = None  # files.figshare.com is gone; the number still leads to the file
    return entry
