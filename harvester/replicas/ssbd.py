"""The replica of SSBD: its repository of crates at GitHub, as the commit's page and as an archive.

Copied behavior (docs.github.com, REST API and source code archives, seen 2026): the archive's members stand
below one folder named for the commit, after a global header with its id; other files are among them; an
unknown commit is 422 at the API, an unknown path 404, and codeload's 404 is plain text. The commit's id
is a digest of the holdings, so it changes when they do, and older archives are not kept.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from io import BytesIO
from typing import Any

import orjson
from aiohttp import web

from harvester.fields import Raw
from harvester.replicas.holdings import EPOCH, Generated, Holding, Holdings, Listed, Variation, bundled_json
from harvester.replicas.server import Limit, Replica, json_answer
from harvester.source import Document

NAME = "ssbd"
DOCS = "https://docs.github.com/rest"
API = "/repos/openssbd/gide-ro-crate"
ALLOWANCE, HOUR = 60, 3600
"""Requests an hour without a key."""

OTHERS = {
    "README.md": "# README\n\nProjects of SSBD as RO-Crates.\n",
    ".gitignore": ".DS_Store\n",
    "project-ro-crate/database/notes.txt": "No crate.\n",
    "project-ro-crate/index.json": "[]\n",
    "src/template-ro-crate-metadata.json": '{"@graph": []}\n',
}
"""Members a reader must pass over."""

_NUMBER = re.compile(r"/(?:ssbd-repos-0*)?(\d+)[^/]*$")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the repository."""

    sha: str
    date: datetime
    archive: bytes


def bundled() -> Listed:
    """Hold the bundled studies; a study has one crate or two."""
    studies: dict[str, dict[str, Raw]] = {}
    for path, crate in bundled_json("ssbd.json").items():
        if match := _NUMBER.search(path):
            studies.setdefault(match[1], {})[path] = crate
    return Listed.of(_held(number, crates) for number, crates in studies.items())


def found(documents: Iterator[Document]) -> Listed:
    """Hold studies found in a folder, where each crate is a file of its own; BDML is not served here."""
    studies: dict[str, dict[str, Raw]] = {}
    for document in documents:
        crates = orjson.loads(document.body).get("crates", {})
        good = {path: crate for path, crate in crates.items() if isinstance(crate, dict)}
        if good and document.id is not None:
            studies.setdefault(document.id, {}).update(good)
    return Listed.of(_held(number, crates) for number, crates in studies.items())


def generated(count: int, seed: int) -> Generated:
    """Make as many studies as asked for; some 60,000 fit into an archive that a client still takes."""
    templates = [_template(holding) for holding in bundled().in_order()]
    return Generated(templates, count, seed=seed, fill=partial(_fill, count))


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as answers of the upstream, for reading without a server."""
    yield _snapshot(holdings).archive


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give: one per number."""
    return len(holdings)


def limit() -> Limit:
    """Answer GitHub's limit for those without a key; its 429 has no Retry-After."""
    body = {"message": "API rate limit exceeded.", "documentation_url": f"{DOCS}/rate-limits"}
    return Limit(ALLOWANCE, HOUR, _limit_headers, orjson.dumps(body).decode())


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Give a study another title."""
    crates = holding.json()
    for crate in crates.values():
        _root(crate)["name"] = title
    return Holding(holding.id, at, orjson.dumps(crates))


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the API's and codeload's paths."""

    async def commit(request: web.Request) -> web.Response:
        now = await _current(replica)
        if request.match_info["ref"] not in {"main", "HEAD", now.sha}:
            return _error(422, f"No commit found for SHA: {request.match_info['ref']}")
        return json_answer(orjson.dumps(_commit(now)))

    async def archive(request: web.Request) -> web.Response:
        now = await _current(replica)
        if request.match_info["ref"] not in {"main", "refs/heads/main", now.sha}:
            return web.Response(status=404, text="404: Not Found")
        name = f"attachment; filename=gide-ro-crate-{now.sha}.tar.gz"
        return web.Response(
            body=now.archive, content_type="application/x-gzip", headers={"Content-Disposition": name}
        )

    async def unknown(_request: web.Request) -> web.Response:
        return _error(404, "Not Found")

    return [
        web.get(f"{API}/commits/{{ref}}", commit),
        web.get("/openssbd/gide-ro-crate/tar.gz/{ref:.+}", archive),
        web.get("/{path:.*}", unknown),
    ]


async def _current(replica: Replica) -> Snapshot:
    """Answer the repository's state; it is rendered once for every state of the holdings."""
    holdings = replica.holdings
    key = len(holdings), holdings[len(holdings) - 1].changed if len(holdings) else EPOCH
    if replica.memory.get("key") != key:
        replica.memory["now"] = await asyncio.to_thread(_snapshot, holdings)
        replica.memory["key"] = key
    now: Snapshot = replica.memory["now"]
    return now


def _snapshot(holdings: Holdings) -> Snapshot:
    digest, date = blake2b(digest_size=20), EPOCH
    for place in range(len(holdings)):
        holding = holdings[place]
        digest.update(holding.body)
        date = max(date, holding.changed)
    for at in holdings.withdrawn.values() if isinstance(holdings, Listed) else ():
        date = max(date, at)
    sha = digest.hexdigest()
    return Snapshot(sha, date, _archive(holdings, sha))


def _archive(holdings: Holdings, sha: str) -> bytes:
    packed = BytesIO()
    with (
        # Level 4 and no time of day: quick, and the same bytes for the same holdings.
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=4, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.pax_headers = {"comment": sha}
        for path, content in _members(holdings):
            member = tarfile.TarInfo(f"gide-ro-crate-{sha}/{path}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return packed.getvalue()


def _members(holdings: Holdings) -> Iterator[tuple[str, bytes]]:
    for path, text in OTHERS.items():
        yield path, text.encode()
    for place in range(len(holdings)):
        for path, crate in holdings[place].json().items():
            yield path, orjson.dumps(crate, option=orjson.OPT_INDENT_2)


def _commit(now: Snapshot) -> dict[str, Any]:
    person = {"name": "SSBD", "email": "ssbd@example.invalid", "date": f"{now.date:%Y-%m-%dT%H:%M:%SZ}"}
    url = f"https://api.github.com{API}"
    return {
        "sha": now.sha,
        "commit": {
            "author": person,
            "committer": person,
            "message": "Update SSBD RO-Crate metadata",
            "tree": {"sha": now.sha, "url": f"{url}/git/trees/{now.sha}"},
            "comment_count": 0,
        },
        "url": f"{url}/commits/{now.sha}",
        "html_url": f"https://github.com/openssbd/gide-ro-crate/commit/{now.sha}",
        "parents": [],
    }


def _error(status: int, message: str) -> web.Response:
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return json_answer(orjson.dumps(body), status=status)


def _limit_headers(limit_: int, left: int, reset: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit_),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(int(reset)),
        "X-RateLimit-Resource": "core",
    }


def _root(crate: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = next(entity for entity in crate["@graph"] if entity["@type"] == "Dataset")
    return root


def _held(number: str, crates: dict[str, Raw]) -> Holding:
    said = [str(date) for crate in crates.values() if (date := _root(crate).get("datePublished"))]
    stamp = datetime.fromisoformat(max(said)).replace(tzinfo=UTC) if said else EPOCH
    return Holding(number, stamp, orjson.dumps(crates))


def _template(holding: Holding) -> dict[str, Any]:
    """Put tokens in place of a study's number, titles, descriptions, dates and first authors."""
    padded = f"ssbd-repos-{int(holding.id):06}".encode()
    body = holding.body.replace(padded, b"ssbd-repos-@PADDED@")
    body = re.sub(rf"([/\"]){holding.id}-".encode(), rb"\1@ID@-", body)
    template: dict[str, Any] = orjson.loads(body)
    for crate in template.values():
        _root(crate).update({"name": "@TITLE@", "description": "@TEXT@", "datePublished": "@DATE@"})
        people = (entity for entity in crate["@graph"] if entity["@type"] == "Person")
        next(people)["name"] = "@NAME@"
    return template


def _fill(count: int, place: int, variation: Variation) -> dict[str, str]:
    number = count + place  # so that a number's remainder is its place, by which it is found again
    return {
        "@ID@": str(number),
        "@PADDED@": f"{number:06}",
        "@TITLE@": variation.title,
        "@TEXT@": variation.text,
        "@DATE@": f"{variation.changed:%Y-%m-%d}",
        "@NAME@": variation.people[0],
    }
