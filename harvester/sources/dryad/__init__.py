"""Dryad: data behind published research in all fields, curated and released under CC0.

Asked:    `GET /api/v2/search`, 100 datasets a page, the last changed first, until the page without a
          `next` link; then once more for what changed while the list was read. Lists of files cost one
          request per dataset at 30 a minute, so they are asked for only with the option files=yes.
Changes:  `modifiedSince`, a full ISO time in UTC. The answers carry the day of the last change only, so
          the time comes from the upstream's clock, never from a record.
Deleted:  what is withdrawn is no longer listed; its address answers 404 `{"error":"not-found"}`, or 200 with
          a message and nothing else. A retracted dataset stays listed with its status and a statement.
Quirks:   DOIs in a path are percent-encoded, slash included, or the answer is an empty 404; links are
          relative; null values are left out; `per_page` beyond 100 is served as 100; 429 comes without
          Retry-After but with RateLimit-Reset as an epoch; authors carry e-mail addresses, which are
          dropped; names from no list end in "*"; a path that looks like a break-in (".php", "wp-login")
          gets the caller banned for a month; answers of 2020 have `storage_size` and no license.

Why the last changed first. Pages are cut by position. In a list of the oldest first, a dataset changed
while we read moves from before us to the end, all after it move up one place, and the one that stood at
the page's edge is never seen. In a list of the last changed first it moves from behind us to the front:
what we have yet to read stays or moves down, so an entry may come twice but none is passed over, even when
we go on days later. The changed ones are then behind our back, and the second question fetches them. Only a
withdrawal still moves the list up; the announced total falls with it, and we turn back by as many places.

Seen in the source of dryad-app (August 2026) and in answers recorded from June 2020 to October 2026.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urljoin, urlsplit

import orjson

from harvester.errors import Changed
from harvester.fields import Raw
from harvester.source import Answer, Ask, Assumption, Card, Counter, Document, Fetch, Page
from harvester.sources.dryad.dataset import IGNORED, MAPPING_VERSION, read, told
from harvester.sources.dryad.listing import HOST, Listing, Place, listing
from harvester.sources.dryad.shapes import documents, href, identity, is_hidden
from index.record import Withdrawal

API = f"{HOST}/api/v2"

MOST_FILES = 200
"""Files asked for per dataset; a record keeps no more by name, and `total` tells the rest."""

CANNOT_BE_VIEWED = Withdrawal(reason="cannot be viewed")

card = Card(
    name="dryad",
    title="Dryad",
    homepage="https://datadryad.org/",
    hosts=("datadryad.org", "api.datacite.org"),
    scopes=("imaging", "everything"),
    license_note="metadata and data under CC0",
    incremental="modifiedSince, by the upstream's own clock",
    deletions="absence from a complete list, confirmed by 404 or by a message in place of the dataset",
    at_least=60_000,
    pace=2.0,
    pace_from="30 requests a minute for callers without an account (Dryad's API page, 2026)",
    schedule="weekly",
    mapping_version=MAPPING_VERSION,
    counted_by=(
        Counter(
            "Dryad",
            "https://datadryad.org/api/v2/search?per_page=1",
            "total",
            "public data sets",
            own_of=("imaging", "everything"),  # both walk the whole list
        ),
        Counter(
            "DataCite",
            "https://api.datacite.org/dois?client-id=dryad.dryad&page[size]=1",
            "meta.total",
            "DOIs, of withdrawn data sets too",
        ),
    ),
)

ignored = IGNORED

_FIRST = "_embedded.stash:datasets.0"
assumptions: tuple[Assumption, ...] = (
    Assumption(
        "the search lists datasets, the last changed first, a page at a time",
        f"{API}/search?per_page=2&page=1&sort=updated_at_dt+desc",
        paths=("total", "_links.next.href", f"{_FIRST}.identifier", f"{_FIRST}._links.stash:version.href"),
        facts={"count": 2},
    ),
    Assumption(
        "a full time in UTC bounds the list to what changed since",
        f"{API}/search?per_page=1&page=1&sort=updated_at_dt+desc&modifiedSince=2020-01-01T00:00:00Z",
        paths=("total", f"{_FIRST}.lastModificationDate"),
    ),
    Assumption(
        "a dataset answers at its percent-encoded DOI",
        f"{API}/datasets/doi%3A10.5061%2Fdryad.gc72v",
        paths=("title", "authors.0.lastName", "storageSize"),
        facts={
            "identifier": "doi:10.5061/dryad.gc72v",
            "curationStatus": "Published",
            "license": "https://spdx.org/licenses/CC0-1.0.html",
        },
    ),
    Assumption(
        "a DOI that Dryad does not know is not found",
        f"{API}/datasets/doi%3A10.5061%2Fdryad.zzzzzzzzz",
        status=404,
        facts={"error": "not-found"},
    ),
    Assumption(
        "a version lists its files and their number",
        f"{API}/versions/93/files?per_page=1",
        paths=("total", "_embedded.stash:files.0.path", "_embedded.stash:files.0.size"),
    ),
)


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Walk the list, the last changed first; see the module's docstring for why."""
    place, edges = Place.of(ask), None
    while not place.done:
        answer = await fetch.get(f"{API}/search", params=place.params())
        found = listing(answer, place.page)
        if place.is_behind(found):
            place, edges = place.turned_back(found), None
            continue
        if edges is not None and found.edges == edges:
            raise Changed("the list repeats", url=answer.url, hint=f"page {place.page} is the one before")
        shown = [entry for entry in found.entries[: place.left] if not is_hidden(entry)]
        after = place.after(found, answer.asked_at)
        edges = found.edges if after.page > 1 else None
        yield Page(
            url=answer.url,
            documents=tuple([await _document(fetch, ask, entry) for entry in shown]),
            bookmark=after.bookmark(),
            asked_at=answer.asked_at,
            announced=found.total if place.is_whole_list else None,
            withdrawn=_hidden(found),
        )
        place = after


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Ask for one dataset by its DOI.

    Raises:
        Changed: the answer is neither a dataset nor one of the two that stand for its absence.
    """
    answer = await fetch.get(f"{API}/datasets/{quote(upstream_id, safe='')}", accept=(200, 404))
    parsed = answer.json()
    if answer.status == 404 and parsed == {"error": "not-found"}:
        return Withdrawal(reason="not found")
    if answer.status == 200 and isinstance(parsed, dict) and is_hidden(parsed):
        return CANNOT_BE_VIEWED
    if answer.status == 200 and identity(parsed) is not None:
        return None
    raise Changed("neither a dataset nor word of its absence", url=answer.url)


def _hidden(found: Listing) -> dict[str, Withdrawal]:
    """Find what the search index still lists but the upstream no longer shows."""
    hidden = (identity(entry) for entry in found.entries if is_hidden(entry))
    return {id_: CANNOT_BE_VIEWED for id_ in hidden if id_}


async def _document(fetch: Fetch, ask: Ask, entry: dict[str, Raw]) -> Document:
    body: dict[str, Raw] = entry
    if ask.options.get("files") == "yes" and (version := href(entry, "stash:version")):
        files = await _files(fetch, version)
        if files is not None:
            body = {"dataset": entry, "files": files[0], "total": files[1]}
    return Document(identity(entry), orjson.dumps(body))


async def _files(fetch: Fetch, version: str) -> tuple[list[Raw], int] | None:
    """Ask for the files of a version, by name up to a limit, and their number; None when not shown.

    Raises:
        Changed: the version lies on another host, or the answer is no list of files.
    """
    url = urljoin(HOST, version)
    if f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" != HOST:
        raise Changed(f"a version lies at {url}", hint=f"its files were expected at {HOST}")
    files: list[Raw] = []
    total, page = MOST_FILES, 1
    while len(files) < min(total, MOST_FILES):
        answer = await fetch.get(f"{url}/files", params={"per_page": 100, "page": page}, accept=(200, 404))
        if answer.status == 404:
            return None
        found, total = _file_page(answer)
        if not found:
            break
        files, page = files + found, page + 1
    return files, total


def _file_page(answer: Answer) -> tuple[list[Raw], int]:
    parsed = answer.json()
    embedded = parsed.get("_embedded") if isinstance(parsed, dict) else None
    found = embedded.get("stash:files") if isinstance(embedded, dict) else None
    if not isinstance(found, list) or type(parsed.get("total")) is not int:
        raise Changed("a version answered no list of files", url=answer.url)
    return found, parsed["total"]


__all__ = ["assumptions", "card", "documents", "gone", "ignored", "pages", "read", "told"]
