"""Pages beside the search and the records: families, help. They show what the JSON routes do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from api import losses as of_losses
from api.help import FORMS
from api.rendering import page
from index.store import Kept


async def search_help(request: web.Request) -> web.Response:
    """Show the forms of a query, with examples."""
    return page(request, "help.html", forms=FORMS)


async def losses(request: web.Request) -> web.Response:
    """Show what becomes of each field of a source's documents."""
    return page(request, "losses.html", **await of_losses.found_for(request))


def family(request: web.Request, kept: Kept, told: Mapping[str, Any]) -> web.Response:
    """Show a record's family: its members, why they belong together, and what was decided by hand."""
    return page(request, "family.html", kept=kept, title=kept.stored.get("title") or kept.id, family=told)


def docs(request: web.Request, spec: Mapping[str, Any]) -> web.Response:
    """Show the API's description."""
    return page(request, "docs.html", spec=spec)


def said(request: web.Request, title: str, text: str, *, button: str = "") -> web.Response:
    """Show a sentence, and a button that says it is agreed to."""
    return page(request, "said.html", title=title, text=text, button=button)
