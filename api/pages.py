"""The web pages: rendered here, one stylesheet, no script needed. They call what the JSON routes call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import jinja2
import orjson
from aiohttp import web
from markupsafe import Markup

from api import losses as of_losses
from api.counted import too_slow
from api.due import in_words
from api.export import REFUSED as OF_A_PAGE
from api.faceted import USELESS
from api.formats import DOI_URL, ORCID_URL, schema_org, term_url
from api.help import FORMS
from api.helping import besides
from api.language import mark, way_out
from api.node import NODE, age
from api.search import question
from api.searchfeed import asked_of
from api.sources import overview
from config import VERSION
from index.history import History, Version
from index.prepared import digest_of
from index.query import BadQuery
from index.search import Answer, Hit, Request
from index.similar import Similar
from index.store import Kept
from index.walk import ORDERS

FACETS_SHOWN = (
    "source", "imaging_method", "organism", "license", "year", "format", "kind", "access", "funder",
    "keyword",
)  # fmt: skip
FACET_TITLES = {
    "source": "Repository", "imaging_method": "Imaging method", "organism": "Organism", "license": "License",
    "year": "Year", "format": "File format", "kind": "Kind", "access": "Access", "funder": "Funder",
    "keyword": "Keyword", "affiliation": "Affiliation", "creator": "Creator", "bytes": "Size", "has": "Has",
    "published": "Published", "updated": "Updated", "is": "Is", "missing": "Not stated",
    "withdrawn": "Withdrawn records", "as_of": "As of", "match": "Words that must match",
}  # fmt: skip
PAGE_SIZE = 20
SIMILAR_SHOWN = 5
VERSIONS_SHOWN = 10
"""On a record's page; the JSON has all."""


async def search(request: web.Request) -> web.Response:
    """Show the search page, with results when something is asked."""
    node = request.app[NODE]
    query = request.query
    q = query.get("q", "")
    error, asked, answer = None, None, None
    more: dict[str, Any] = {"did_you_mean": None, "why_empty": None}
    try:
        asked = question(query)
        wanted = replace(asked, facets=FACETS_SHOWN, size=PAGE_SIZE, facet_size=8)
        answer = await node.off_loop(node.catalogue.search, wanted)
        more = await node.off_loop(besides, node, wanted, answer)
    except BadQuery as bad:
        error = bad
    chosen = [(name, value) for name, value in query.items() if value and name not in _NOT_FILTERS]
    return _page(
        request,
        "search.html",
        status=400 if error else 200,
        q=q,
        sort=query.get("sort", ""),
        collapse=query.get("collapse", ""),
        all_url=_all_records(query),
        withdrawn=query.get("withdrawn", ""),
        as_of=query.get("as_of", ""),
        expand=query.get("expand", ""),
        as_typed_url=_with(query, "expand", "no"),
        expanded_url=_without(query, "expand", "no"),
        error=error,
        marked=mark(q, error) if error else None,
        plain_url=_plain(query, way_out(q, error)) if error else None,
        notes=[mark(q, note) for note in answer.notes] if answer else [],
        chosen=[(FACET_TITLES.get(n.removeprefix("-"), n), n, v, _without(query, n, v)) for n, v in chosen],
        answer=answer,
        too_slow=too_slow(node.search_seconds, answer) if answer else [],
        results=[_result(hit) for hit in answer.hits] if answer else [],
        facets=_facets(query, answer) if answer else [],
        next_url=_with(query, "cursor", answer.next) if answer and answer.next else None,
        json_url="/api/v1/search?" + urlencode([*query.items(), ("facets", "all")]),
        whole=_whole(query, asked, answer) if asked and answer else "",
        feed_url="/feeds/search.atom?" + urlencode(asked_of(query)),
        **more,
    )


async def search_help(request: web.Request) -> web.Response:
    """Show the forms of a query, with examples."""
    return _page(request, "help.html", forms=FORMS)


async def sources(request: web.Request) -> web.Response:
    """Show what we hold of each repository."""
    node = request.app[NODE]
    return _page(request, "sources.html", sources=await node.off_loop(overview, node))


async def losses(request: web.Request) -> web.Response:
    """Show what becomes of each field of a source's documents."""
    return _page(request, "losses.html", **await of_losses.found_for(request))


def record(request: web.Request, kept: Kept, told: History, alike: Sequence[Similar]) -> web.Response:
    """Show one record, with its schema.org description for machines and its last versions."""
    found = kept.record()
    base = request.app[NODE].base(request)
    ld = orjson.dumps(schema_org.write(found, base)).decode().replace("</", "<\\/")
    return _page(
        request,
        "record.html",
        status=410 if kept.state == "withdrawn" else 200,
        record=found,
        kept=kept,
        versions=[(version, _fields(version)) for version in reversed(told.versions)],
        versions_total=told.total,
        alike=alike,
        json_ld=Markup(ld),  # noqa: S704  # JSON with "</" broken up, in a script element
    )


def family(request: web.Request, kept: Kept, told: Mapping[str, Any]) -> web.Response:
    """Show a record's family: its members, why they belong together, and what was decided by hand."""
    return _page(request, "family.html", kept=kept, title=kept.stored.get("title") or kept.id, family=told)


def docs(request: web.Request, spec: Mapping[str, Any]) -> web.Response:
    """Show the API's description."""
    return _page(request, "docs.html", spec=spec)


def said(request: web.Request, title: str, text: str, *, button: str = "") -> web.Response:
    """Show a sentence, and a button that says it is agreed to."""
    return _page(request, "said.html", title=title, text=text, button=button)


async def web_file(request: web.Request) -> web.Response:
    """Answer the stylesheet or the mark."""
    name = request.match_info["name"]
    file = files("api.web").joinpath(name)
    if not file.is_file():
        raise web.HTTPNotFound
    kinds = {"css": "text/css", "svg": "image/svg+xml"}
    headers = {"Cache-Control": "max-age=3600", **SECURITY}
    return web.Response(body=file.read_bytes(), content_type=kinds[name.rpartition(".")[2]], headers=headers)


_NOT_FILTERS = {
    "q", "sort", "cursor", "size", "facets", "facet_size", "collapse", "facet_mode", "histograms", "expand",
}  # fmt: skip


def _result(hit: Hit) -> dict[str, Any]:
    found = hit.kept.record()
    return {
        "record": found,
        "origin": hit.kept.origin,
        "others": (hit.members or 1) - 1,
        "title": Markup(hit.title) if hit.title else found.title,  # noqa: S704  # escaped by the engine
        "snippet": Markup(hit.snippet) if hit.snippet else None,  # noqa: S704
        "since": _since(hit.kept) if found.withdrawn is None else None,
    }


def _since(kept: Kept) -> str | None:
    """Say what became of a version of the past."""
    if kept.to_revision is None:
        return None
    return "since withdrawn" if kept.state == "withdrawn" else "since changed"


def _fields(version: Version) -> str:
    """Name the fields that a version changed, in words."""
    names = (edit.path.split("/")[1].replace("_", " ") for edit in version.edits)
    return ", ".join(dict.fromkeys(names))


def _facets(query: Mapping[str, str], answer: Answer) -> list[dict[str, Any]]:
    """Lay out the facets; a value that is chosen links to its removal."""
    shown = []
    for name in FACETS_SHOWN:
        facet = answer.facets.get(name)
        if facet is None:  # there was no time to count it, which the page says
            continue
        values = [
            {
                "label": value.label,
                "count": value.count,
                "chosen": (name, value.value) in list(query.items()),
                "url": _with(query, name, value.value),
                "remove": _without(query, name, value.value),
            }
            for value in facet.values
        ]
        if values or facet.missing:
            shown.append(
                {
                    "name": name, "title": FACET_TITLES[name], "values": values, "missing": facet.missing,
                    "missing_chosen": ("missing", name) in list(query.items()),
                    "missing_url": _with(query, "missing", name),
                    "missing_remove": _without(query, "missing", name),
                    "other": facet.other, "all": _facet_url(query, name),
                }
            )  # fmt: skip
    return shown


def _whole(query: Mapping[str, str], asked: Request, answer: Answer) -> str:
    """Answer the parameters that ask for all that is found, as it is counted on the page."""
    kept = [(n, v) for n, v in query.items() if v and n not in {*OF_A_PAGE, "sort", "collapse", "as_of"}]
    ordered = [("sort", asked.sort)] if asked.sort in ORDERS else []
    return urlencode([*kept, *ordered, ("collapse", asked.collapse), ("as_of", str(answer.snapshot))])


def _facet_url(query: Mapping[str, str], name: str) -> str:
    """Answer where all values of a facet are."""
    kept = [(n, v) for n, v in query.items() if v and n not in {"cursor", "size", *USELESS}]
    return f"/api/v1/facets/{name}?" + urlencode(kept)


def _all_records(query: Mapping[str, str]) -> str:
    """Answer the same search with every record as a hit."""
    kept = [(n, v) for n, v in query.items() if n not in {"cursor", "collapse"}]
    return "/?" + urlencode([*kept, ("collapse", "none")])


def _plain(query: Mapping[str, str], words: str | None) -> str | None:
    """Answer the address of the same search with its words taken as plain text."""
    rest = [(name, value) for name, value in query.items() if name not in {"q", "cursor"}]
    return "/?" + urlencode([("q", words), *rest]) if words else None


def _with(query: Mapping[str, str], name: str, value: str) -> str:
    kept = [(n, v) for n, v in query.items() if n != "cursor"]
    if (name, value) not in kept:
        kept.append((name, value))
    return "/?" + urlencode(kept)


def _without(query: Mapping[str, str], name: str, value: str) -> str:
    return "/?" + urlencode([(n, v) for n, v in query.items() if (n, v) != (name, value) and n != "cursor"])


def _page(request: web.Request, template: str, *, status: int = 200, **values: object) -> web.Response:
    node = request.app[NODE]
    text = (
        _templates()
        .get_template(template)
        .render(
            node_states=node.states(),
            warnings=node.warnings(),
            version=VERSION,
            base=node.base(request),
            **values,
        )
    )
    return web.Response(
        text=text, content_type="text/html", status=status, headers={"Vary": "Accept", **SECURITY}
    )


SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' https: data:; form-action 'self'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What we show was written by strangers: no script may run, thumbnails may come from https only."""


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("api.web", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"size": size, "age": age, "thousands": thousands, "told": told, "due": in_words}
    environment.globals |= {
        "DOI_URL": DOI_URL, "ORCID_URL": ORCID_URL, "term_url": term_url, "titles": FACET_TITLES,
        "style": digest_of(files("api.web").joinpath("style.css").read_bytes()).hex()[:8],
    }  # fmt: skip
    return environment


def size(count: int | None) -> str:
    """Write a size for people: powers of 1000, two digits that matter."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} PB"


def told(answer: str, negation: str) -> str:
    """Say what a card answers: a "no" with its reason, or how it is done."""
    return f" {negation}: {answer.removeprefix('no: ')}" if answer.startswith("no: ") else f": {answer}"


def thousands(count: int) -> str:
    """Write a number with thin gaps."""
    return f"{count:,}"
