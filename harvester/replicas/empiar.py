"""The replica of EMPIAR: `POST /empiar/api/entry/` with ranges and lists, and `GET /empiar/api/entry/{n}/`.

Copied behavior: numbers that do not exist are absent from the answer; a range nobody is in answers `{}`;
a single unknown entry answers 404 (sources: the API's Swagger file of 2020 and public harvesters).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from harvester.replicas.holdings import (
    Generated,
    Holding,
    Holdings,
    Listed,
    Variation,
    bundled_json,
)
from harvester.replicas.server import Replica, json_answer
from harvester.source import Document

NAME = "empiar"


def bundled() -> Listed:
    """Hold the bundled entries."""
    return Listed.of(_held(key, entry) for key, entry in bundled_json("empiar.json").items())


def found(documents: Iterator[Document]) -> Listed:
    """Hold entries found in a folder; XML headers are not what the API serves."""
    holdings = Listed()
    for document in documents:
        if document.media_type == "application/json":
            for key, entry in orjson.loads(document.body).items():
                holdings.put(_held(key, entry))
    return holdings


def generated(count: int, seed: int) -> Generated:
    """Make as many entries as asked for, numbered from 10000."""
    return Generated(
        [_template(entry) for entry in bundled_json("empiar.json").values()],
        count,
        seed=seed,
        fill=_fill,
    )


def as_documents(holdings: Listed) -> Iterator[bytes]:
    """Write the holdings as answers of the upstream, for reading without a server."""
    yield _keyed(holdings.in_order())


def studies(holdings: Holdings) -> int:
    """Count the records a complete harvest must give."""
    return len(holdings)


def limit() -> None:
    """EMPIAR publishes no limit."""


def changed(holding: Holding, title: str, at: datetime) -> Holding:
    """Give an entry another title and update date."""
    entry = holding.json()
    entry |= {"title": title, "update_date": f"{at:%Y-%m-%d}"}
    return Holding(holding.id, at, orjson.dumps(entry))


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the entry API's paths."""

    async def several(request: web.Request) -> web.Response:
        asked = (await request.text()).strip().strip('"')
        held = [entry for number in _numbers(asked) if (entry := _find(replica.holdings, number))]
        return json_answer(_keyed(held))

    async def one(request: web.Request) -> web.Response:
        held = _find(replica.holdings, request.match_info["n"].removeprefix("EMPIAR-"))
        if held is None:
            return json_answer(b'{"message": "Entry not found"}', status=404)
        return json_answer(_keyed([held]))

    return [web.post("/empiar/api/entry/", several), web.get("/empiar/api/entry/{n}/", one)]


def _numbers(asked: str) -> Iterator[str]:
    for part in asked.split(","):
        first, dash, last = part.strip().partition("-")
        if dash and first.isdigit() and last.isdigit():
            yield from map(str, range(int(first), int(last) + 1))
        else:
            yield part.strip()


def _find(holdings: Holdings, number: str) -> Holding | None:
    if isinstance(holdings, Generated):
        place = int(number) - 10000 if number.isdigit() else -1
        return holdings[place] if 0 <= place < len(holdings) else None
    return holdings.get(f"EMPIAR-{number}")


def _keyed(held: list[Holding]) -> bytes:
    return b"{" + b",".join(b'"%s":%s' % (h.id.encode(), h.body) for h in held) + b"}"


def _held(key: str, entry: dict[str, Any]) -> Holding:
    # Some recorded entries carry a made-up key; the DOI tells the accession they really have.
    accession = key if key.removeprefix("EMPIAR-").isdigit() else str(entry["entry_doi"]).partition("/")[2]
    stamp = entry.get("update_date") or entry.get("release_date") or "2020-01-01"
    return Holding(accession, datetime.fromisoformat(stamp).replace(tzinfo=UTC), orjson.dumps(entry))


def _template(entry: dict[str, Any]) -> dict[str, Any]:
    template = copy.deepcopy(entry)
    template |= {
        "title": "@TITLE@",
        "update_date": "@DATE@",
        "entry_doi": "10.6019/@ID@",
        "citation": [],
    }
    for imageset in template["imagesets"]:
        imageset["details"] = "@TEXT@"
    for author in template["authors"][:2]:
        author["author"] = {"name": "@NAME@", "author_orcid": None}
    return template


def _fill(place: int, variation: Variation) -> dict[str, str]:
    return {
        "@ID@": f"EMPIAR-{10000 + place}",
        "@TITLE@": variation.title,
        "@TEXT@": variation.text,
        "@DATE@": f"{variation.changed:%Y-%m-%d}",
        "@NAME@": variation.people[0],
    }
