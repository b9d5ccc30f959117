"""How Dryad writes its answers: pages with relative links, datasets, versions, files, the sitemap."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import orjson

from harvester.fields import Raw
from harvester.replicas.holdings import Holding, Holdings
from index.values.formats import of_file

API = "/api/v2"

LARGEST_PAGE, PAGE, SITEMAP_PAGE = 100, 20, 1000

_OF_THE_DATASET = {
    "_links",
    "identifier",
    "id",
    "storageSize",
    "relatedPublicationISSN",
    "license",
    "metrics",
}
"""What a dataset says and a version of it does not, or says otherwise."""

_HIDDEN = (
    "Identifier cannot be viewed. Either you lack permission to view it, or it is missing required elements."
)
_FULL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")
_SITEMAPS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def cut(query: Mapping[str, str]) -> tuple[int, int]:
    """Read which page of which size is asked for; beyond 100 a page has 100."""
    page, size = query.get("page", ""), query.get("per_page", "")
    return (
        max(1, int(page)) if page.isdigit() else 1,
        min(LARGEST_PAGE, max(1, int(size))) if size.isdigit() else PAGE,
    )


def page(
    path: str, query: Mapping[str, str], rows: Sequence[bytes], total: int, *, kind: str = "stash:datasets"
) -> bytes:
    """Write a page; a link that leads nowhere is left out."""
    number, size = cut(query)
    last = max(1, -(-total // size))

    def link(to: int | None) -> str:
        asked = {**{key: value for key, value in query.items() if key != "page"}, "page": to}
        words = urlencode(sorted((key, value) for key, value in asked.items() if value is not None))
        return f"{API}/{path}{'?' if words else ''}{words}"

    links = {"self": link(number if "page" in query else None), "first": link(None), "last": link(last)}
    if number > 1:
        links["prev"] = link(number - 1)
    if number < last:
        links["next"] = link(number + 1)
    head = {"_links": {name: {"href": to} for name, to in links.items()}, "count": len(rows), "total": total}
    return b'%s,"_embedded":{"%s":[%s]}}' % (orjson.dumps(head)[:-1], kind.encode(), b",".join(rows))


def has_files(held: Holding) -> bool:
    """Tell whether a holding is a dataset with its files."""
    return held.body.startswith(b'{"dataset":')


def entry(held: Holding) -> dict[str, Raw]:
    """Answer the dataset of a holding."""
    whole: dict[str, Raw] = held.json()
    found: dict[str, Raw] = whole.get("dataset", whole)
    return found


def dataset(held: Holding) -> bytes:
    """Write a dataset."""
    return orjson.dumps(entry(held)) if has_files(held) else held.body


def hidden(held: Holding) -> bytes:
    """Write what stands in place of a dataset that is not shown."""
    return orjson.dumps({"identifier": held.id, "id": entry(held).get("id"), "message": _HIDDEN})


def version(held: Holding, number: str) -> bytes:
    """Write the version of a dataset."""
    address = f"{API}/versions/{number}"
    links = {
        "self": address,
        "stash:dataset": f"{API}/datasets/{quote(held.id, safe='')}",
        "stash:files": f"{address}/files",
        "stash:download": f"{address}/download",
    }
    said = {key: value for key, value in entry(held).items() if key not in _OF_THE_DATASET}
    return orjson.dumps({"_links": {name: {"href": to} for name, to in links.items()}} | said)


def version_of(dataset_: Mapping[str, Raw]) -> str:
    """Read the number of a dataset's version from its link; "" when it has none."""
    links = dataset_.get("_links") or {}
    return str(links.get("stash:version", {}).get("href", "")).rpartition("/")[2]


def files(held: Holding) -> list[bytes]:
    """Write the files of a version; a generated dataset has one picture."""
    if has_files(held):
        return [orjson.dumps(file) for file in held.json()["files"]]
    size = entry(held).get("storageSize") or 0
    return [
        orjson.dumps(
            {"path": "images.tif", "size": size, "mimeType": "image/tiff", "status": "created"}
            | {"_links": {"self": {"href": f"{API}/files/1"}}}
        )
    ]


def matches(held: Holding, words: str, endings: Sequence[str]) -> bool:
    """Tell whether the search finds a dataset: by all words of the question and all file endings."""
    if endings:
        names = [str(file["path"]) for file in held.json()["files"]] if has_files(held) else []
        if not set(endings) <= {of_file(name) for name in names}:
            return False
    if words in {"", "*"}:
        return True
    text = dataset(held).decode().lower()
    return all(word in text for word in words.lower().split())


def moment(raw: str | None) -> datetime | None:
    """Read a bound of time.

    Raises:
        ValueError: it is no full ISO time with a zone.
    """
    if not raw:
        return None
    if _FULL_TIME.fullmatch(raw) is None:
        message = f"no time: {raw}"
        raise ValueError(message)
    return datetime.fromisoformat(raw).astimezone(UTC)


def sitemap(holdings: Holdings, asked: str | None) -> str:
    """Write the sitemap's index, or one of its pages, the longest unchanged first."""
    count = -(-len(holdings) // SITEMAP_PAGE)
    if asked is None:
        at = [f"https://datadryad.org/sitemap.xml?page={n}" for n in range(1, count + 1)]
        inner = "".join(f"<sitemap><loc>{escape(loc)}</loc></sitemap>" for loc in at)
        return f'<?xml version="1.0" encoding="UTF-8"?><sitemapindex {_SITEMAPS}>{inner}</sitemapindex>'
    first = (int(asked) - 1) * SITEMAP_PAGE if asked.isdigit() and asked != "0" else len(holdings)
    held = (holdings[n] for n in range(first, min(first + SITEMAP_PAGE, len(holdings))))
    inner = "".join(
        f"<url><loc>https://datadryad.org/dataset/{escape(each.id)}</loc>"
        f"<lastmod>{each.changed:%Y-%m-%dT%H:%M:%SZ}</lastmod></url>"
        for each in held
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {_SITEMAPS}>{inner}</urlset>'
