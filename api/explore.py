"""/explore: charts of the whole or of any search, each with its table, and each value with its search."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict, MultiMapping

from api.charts import NAMES, THEMES, TITLES, described, drawn
from api.formats import flat
from api.node import NODE
from api.problem import Problem, not_found
from api.rendering import page, size
from api.search import question
from index.exploring import TABLES, Cell, Table
from index.query import BadQuery

Value = TypeVar("Value")

OF_A_PAGE = frozenset({"cursor", "size", "sort", "facets", "facet_size", "facet_mode", "histograms", "view"})
"""Parameters of a search that charts make nothing of."""
CHARTS_KEPT = 100
"""Drawn charts, some 30 kB each."""
MOST_WAITING = 20
ROWS_SHOWN = 200


class Drawing:
    """One thread that draws: searches never wait for charts, and charts wait for each other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="chart")
        self._made: OrderedDict[object, bytes] = OrderedDict()
        self._waiting = 0

    async def of(self, key: object, draw: Callable[[], bytes]) -> bytes:
        """Answer a chart that was drawn before, or draw it.

        Raises:
            Problem: too many wait.
        """
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        if self._waiting >= MOST_WAITING:
            raise Problem(503, "Busy", "too many charts are waited for; try again in a second", retry_after=1)
        self._waiting += 1
        try:
            made = await asyncio.get_running_loop().run_in_executor(self._pool, draw)
        finally:
            self._waiting -= 1
        self._made[key] = made
        while len(self._made) > CHARTS_KEPT:
            self._made.popitem(last=False)
        return made

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


DRAWING: web.AppKey[Drawing] = web.AppKey("drawing", Drawing)


async def drawing(app: web.Application) -> AsyncIterator[None]:
    """Keep a thread that draws while the app runs."""
    app[DRAWING] = Drawing()
    yield
    app[DRAWING].close()


async def explore(request: web.Request) -> web.Response:
    """Show the charts of a search; they come by themselves, after the page."""
    query = _of_search(request.query)
    error, tables = None, {}
    try:
        tables = {name: await _counted(request, name) for name in TABLES}
    except BadQuery as bad:
        error = bad
    return page(
        request,
        "explore.html",
        status=400 if error else 200,
        error=error,
        q=query.get("q", ""),
        kept=[(n, v) for n, v in query.items() if n != "q"],
        asked=urlencode(list(query.items())),
        total=next(iter(tables.values())).total if tables else 0,
        charts=[
            {
                "name": name, "title": TITLES[name], "described": described(name, table), "note": table.note,
                "missing": table.missing, "columns": [NAMES[each] for each in table.columns],
                "rows": [_row(query, table, cell) for cell in table.cells[:ROWS_SHOWN]],
                "left_out": max(0, len(table.cells) - ROWS_SHOWN), "revision": table.revision,
            }
            for name, table in tables.items()
        ],
    )  # fmt: skip


async def chart(request: web.Request) -> web.Response:
    """Answer a chart as SVG."""
    name, theme = _name(request), request.query.get("theme", THEMES[0])
    if theme not in THEMES:
        raise BadQuery(f"theme={theme!r} is unknown; there are {', '.join(THEMES)}")
    table = await _counted(request, name)
    body = await request.app[DRAWING].of((name, theme, table), lambda: drawn(name, table, theme))
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "Cache-Control": "max-age=60",
    }
    return web.Response(body=body, content_type="image/svg+xml", headers=headers)


async def rows(request: web.Request) -> web.Response:
    """Answer what a chart shows as csv."""
    name = _name(request)
    table = await _counted(request, name)
    columns = [
        [column, *flat.texts([cell.labels[place] for cell in table.cells])]
        for place, column in enumerate(table.columns)
    ]
    hits = ["hits", *(str(cell.count) for cell in table.cells)]
    headers = {"Content-Disposition": f'attachment; filename="headwater-{name}-r{table.revision}.csv"'}
    return web.Response(
        body=flat.rows([*columns, hits]), content_type="text/csv", charset="utf-8", headers=headers
    )


async def _counted(request: web.Request, name: str) -> Table:
    node = request.app[NODE]
    asked = question(_of_search(request.query))
    return await node.off_loop(TABLES[name], node.catalogue, asked)


def _name(request: web.Request) -> str:
    name = request.match_info["name"]
    if name not in TABLES:
        raise not_found(f"no chart {name!r}; there are {', '.join(TABLES)}")
    return name


def _of_search(query: MultiMapping[str]) -> MultiDict[str]:
    return MultiDict((n, v) for n, v in query.items() if v and n not in {*OF_A_PAGE, "theme"})


def _row(query: MultiMapping[str], table: Table, cell: Cell) -> dict[str, Any]:
    replaced = {name for name, _ in cell.filters}
    kept = [(n, v) for n, v in query.items() if n not in replaced]
    labels = [size(int(t)) if c == "bytes" else t for c, t in zip(table.columns, cell.labels, strict=True)]
    return {"labels": labels, "count": cell.count, "url": "/?" + urlencode([*kept, *cell.filters])}
