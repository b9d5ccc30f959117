"""/api/v1/match: thousands of DOIs, titles, accessions, ORCID iDs and addresses at once."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from api.node import NODE, Node
from api.parameters import known, number
from api.problem import Problem
from index.match import Asked, Matched, Matcher
from index.query import BadQuery

MOST_ROWS = 20_000
MOST_BYTES = 8_000_000
MOST_MATCHES = 10
STREAMED_FROM = 500
"""Rows from which on the answer comes line by line, as they are found."""
AT_ONCE = 50
"""Rows matched between two looks at who else waits: some 0.2 s of titles."""

ROW_NAMES = ("query", "doi", "id", "accession", "orcid", "url", "title")
HINTS = ("creator", "year", "source")
NDJSON = "application/x-ndjson"


async def match(request: web.Request) -> web.StreamResponse:
    """Say for each row which records are meant, why, and how sure that is."""
    node, query = request.app[NODE], request.query
    known(query, ("size",))
    size = number(query, "size", default=3, low=1, high=MOST_MATCHES)
    rows = rows_of(await _body(request), request.content_type)
    if len(rows) < STREAMED_FROM and NDJSON not in request.headers.get("Accept", ""):
        found = [row async for chunk in _matched(node, rows, size) for row in chunk]
        matched = sum(bool(row["matches"]) for row in found)
        body = {"rows": found, "total": len(found), "matched": matched, "certain": certain(found)}
        return web.Response(body=orjson.dumps(body), content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": NDJSON})
    await response.prepare(request)
    async for chunk in _matched(node, rows, size):
        await response.write(b"".join(orjson.dumps(row) + b"\n" for row in chunk))
    await response.write_eof()
    return response


def certain(found: Sequence[Mapping[str, Any]]) -> int:
    """Count the rows with one match beyond doubt."""
    return sum(row["certain"] for row in found)


def rows_of(body: bytes, kind: str) -> list[Asked]:
    """Read rows: a JSON list of texts or objects, or CSV, or lines.

    Raises:
        BadQuery: no such list, or too many rows.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadQuery("the rows are no UTF-8; save the file as UTF-8 and send it again") from error
    rows = _of_json(body) if kind == "application/json" else list(_of_lines(text))
    if not rows:
        raise BadQuery('there are no rows; send a JSON list such as ["10.1234/x", "A title"], or lines')
    if len(rows) > MOST_ROWS:
        raise BadQuery(f"{len(rows):,} rows are too many; send {MOST_ROWS:,} at most, then the next ones")
    return rows


def shape(number_: int, asked: Asked, found: Matched) -> dict[str, Any]:
    """Shape what one row means."""
    return {
        "row": number_,
        "query": asked.text,
        "meaning": found.meaning,
        "value": found.value,
        "certain": found.is_certain,
        "total": found.total,
        "matches": [
            {
                "id": each.kept.id, "title": each.kept.stored.get("title"), "why": each.why,
                "confidence": each.confidence, "state": each.kept.state, "origin": each.kept.origin,
                "doi": each.kept.stored.get("doi"),
                "landing": (each.kept.stored.get("links") or {}).get("landing"),
            }
            for each in found.matches
        ],
    }  # fmt: skip


def matched(matcher: Matcher, rows: Sequence[Asked], begin: int, size: int) -> list[dict[str, Any]]:
    """Match rows; numbers count from 1, as lines do."""
    return [shape(at, asked, matcher.match(asked, size)) for at, asked in enumerate(rows, begin + 1)]


async def _matched(node: Node, rows: Sequence[Asked], size: int) -> Any:  # noqa: ANN401  # async generator
    matcher = Matcher(node.catalogue)
    for begin in range(0, len(rows), AT_ONCE):
        yield await node.off_loop(matched, matcher, rows[begin : begin + AT_ONCE], begin, size)
        await asyncio.sleep(0)


async def _body(request: web.Request) -> bytes:
    """Read the body, up to the limit; more is refused rather than cut."""
    parts, held = [], 0
    async for part in request.content.iter_chunked(1 << 16):
        parts.append(part)
        held += len(part)
        if held > MOST_BYTES:
            message = f"the rows are more than {MOST_BYTES:,} bytes; send them in parts"
            raise Problem(413, "Too large", message)
    return b"".join(parts)


def _of_json(body: bytes) -> list[Asked]:
    try:
        listed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadQuery(f"this is no JSON: {error}") from error
    if isinstance(listed, dict):
        listed = listed.get("rows")
    if not isinstance(listed, list):
        raise BadQuery('the rows must be a list, as ["10.1234/x", {"title": "A title", "year": "2021"}]')
    return [_row(at, each) for at, each in enumerate(listed, 1)]


def _row(at: int, each: object) -> Asked:
    if isinstance(each, str):
        return Asked(each, {})
    if isinstance(each, dict):
        values = {str(name): str(value) for name, value in each.items() if value is not None}
        text = next((values[name] for name in ROW_NAMES if values.get(name)), None)
        if text is not None and set(values) <= {*ROW_NAMES, *HINTS}:
            return Asked(text, {name: values[name] for name in HINTS if values.get(name)})
    message = f"row {at} must be a text or an object with one of {', '.join(ROW_NAMES)}"
    raise BadQuery(f"{message}, and {', '.join(HINTS)} if wanted")


def _of_lines(text: str) -> Iterator[Asked]:
    """Yield rows of CSV with a header of ours, else the first column of each line that is not empty."""
    header = [name.strip().casefold() for name in text.partition("\n")[0].split(",")]
    if any(name in ROW_NAMES for name in header) and set(header) <= {*ROW_NAMES, *HINTS}:
        yield from _of_table(text, header)
        return
    # Titles have commas; a line that is no CSV of ours is one row.
    yield from (Asked(line.strip().strip('"'), {}) for line in text.splitlines() if line.strip())


def _of_table(text: str, header: Sequence[str]) -> Iterator[Asked]:
    reader = csv.reader(io.StringIO(text))
    next(reader)
    try:
        for at, cells in enumerate(reader, 2):
            named = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
            if named:
                yield _row(at, named)
    except csv.Error as error:  # as when a quote is never closed and swallows all that follows
        raise BadQuery(f"line {reader.line_num} is no CSV ({error}); close its quotes") from error
