"""The search page, and a facet to its end: complete without a script, every state of it an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup
from multidict import MultiDict, MultiMapping

from api.bars import drawn
from api.counted import too_slow
from api.export import REFUSED as OF_A_PAGE
from api.faceted import USELESS
from api.formats.forms import FORMS
from api.helping import besides
from api.language import mark, way_out
from api.node import NODE
from api.rendering import HAS_TITLES, TITLES, page
from api.search import question
from api.searchfeed import asked_of
from index.engines import HISTOGRAMS
from index.entry import UP_FIELDS, VOCABULARIES
from index.listing import Wanted
from index.query import BadQuery
from index.search import Answer, Hit, Request
from index.store import Kept
from index.walk import ORDERS

Pairs: TypeAlias = list[tuple[str, str]]

FACETS_SHOWN = ("source", "imaging_method", "organism", "license", "format", "kind", "access")
"""Years and sizes are bars."""
FACETS_ASKED = ("keyword", "funder", "creator", "affiliation")
"""Counted when somebody opens them: with them the slowest pages of a million records take twice as long."""
VALUES_SHOWN = 6
"""Of a facet; all are one click away."""
VALUES_LISTED = 100
SIZES = (10, 20, 50, 100)
VIEWS = ("list", "table")
ENDS = ("from", "to")
"""Of a range, in a form of two fields, which is what works without a script."""

NOT_FILTERS = frozenset({
    "q", "sort", "cursor", "size", "facets", "facet_size", "collapse", "facet_mode", "histograms", "expand",
    "view",
})  # fmt: skip
OPEN = "open_license"
SAID = {"has": HAS_TITLES, "missing": TITLES}
"""Values with another name for people."""
OWN = frozenset({"view"})
"""Parameters of the page that no search takes."""


async def search(request: web.Request) -> web.Response:
    """Show the search page, with results when something is asked."""
    node = request.app[NODE]
    if narrowed := ranges(request.query):
        raise web.HTTPSeeOther("/?" + urlencode(narrowed))
    query = request.query
    q, view = query.get("q", ""), query.get("view", VIEWS[0])
    error, asked, answer = None, None, None
    more: dict[str, Any] = {"did_you_mean": None, "why_empty": None}
    try:
        if view not in VIEWS:
            raise BadQuery(f"view={view!r} is unknown; there are {', '.join(VIEWS)}")
        asked = question(MultiDict(_given(query)))
        wanted = replace(asked, facets=FACETS_SHOWN, facet_size=VALUES_SHOWN, histograms=HISTOGRAMS)
        answer = await node.off_loop(node.catalogue.search, wanted)
        more = await node.off_loop(besides, node, wanted, answer)
    except BadQuery as bad:
        error = bad
    chosen = [(name, value) for name, value in query.items() if value and name not in NOT_FILTERS]
    return page(
        request,
        "search.html",
        status=400 if error else 200,
        q=q,
        view=view,
        views=[(each, _changed(query, "view", each, VIEWS[0])) for each in VIEWS],
        size=asked.size if asked else 20,
        sizes=SIZES,
        sort=query.get("sort", ""),
        collapse=query.get("collapse", ""),
        all_url=_changed(query, "collapse", "none"),
        withdrawn=query.get("withdrawn", ""),
        as_of=query.get("as_of", ""),
        expand=query.get("expand", ""),
        as_typed_url=_changed(query, "expand", "no"),
        expanded_url=_without(query, "expand", "no"),
        error=error,
        marked=mark(q, error) if error else None,
        plain_url=_plain(query, way_out(q, error)) if error else None,
        notes=[mark(q, note) for note in answer.notes] if answer else [],
        chosen=[
            (TITLES.get(n.removeprefix("-"), n), n, v, _said(n.removeprefix("-"), v), _without(query, n, v))
            for n, v in chosen
        ],
        open_url=_with(query, "has", OPEN) if ("has", OPEN) not in chosen else None,
        none_url=_address([(n, v) for n, v in _kept(query) if n in NOT_FILTERS]),
        answer=answer,
        too_slow=too_slow(node.search_seconds, answer) if answer else [],
        results=[_result(hit) for hit in answer.hits] if answer else [],
        facets=_facets(query, answer) if answer else [],
        bars=[drawn(name, count, _kept(query, name)) for name, count in answer.histograms.items()]
        if answer
        else [],
        asked_facets=[(TITLES[name], name, _listed(name, _kept(query))) for name in FACETS_ASKED],
        next_url=_with(query, "cursor", answer.next) if answer and answer.next else None,
        first_url=_address(_kept(query)) if "cursor" in query else None,
        json_url="/api/v1/search?" + urlencode([*_kept(query, *OWN), ("facets", "all")]),
        whole=_whole(query, asked, answer) if asked and answer else "",
        citation=_citation(node.base(request), query, answer) if answer else "",
        tells=node.herald is not None,
        forms=FORMS.values(),
        feed=urlencode(asked_of(MultiDict(_given(query)))),
        **more,
    )


async def facet(request: web.Request) -> web.Response:
    """Show every value of a facet among what a search finds, with a field to search them."""
    node, query, name = request.app[NODE], request.query, request.match_info["name"]
    prefix, parent = query.get("facet_prefix", ""), query.get("facet_parent")
    search_of = [
        (n, v) for n, v in query.items() if n not in {"facet_prefix", "facet_parent", "cursor", *OWN}
    ]
    error, found = None, None
    try:
        asked = question(MultiDict((n, v) for n, v in search_of if n not in USELESS))
        wanted = Wanted(name, prefix, parent, VALUES_LISTED, query.get("cursor"))
        found = await node.off_loop(node.catalogue.facet, asked, wanted)
    except BadQuery as bad:
        error = bad
    here = [*search_of, ("facet_prefix", prefix), *([("facet_parent", parent)] if parent else [])]
    return page(
        request,
        "facet.html",
        status=400 if error else 200,
        name=name,
        title=TITLES.get(name, name),
        error=error,
        prefix=prefix,
        parent=parent,
        search_of=search_of,
        back_url=_address(search_of),
        top_url=_listed(name, [*search_of, ("facet_parent", "top")]) if name in UP_FIELDS else None,
        missing=found.missing if found else 0,
        values=[
            {
                "label": value.label,
                "count": value.count,
                "url": _address([*search_of, (name, value.value)]),
                "below": _listed(name, [*search_of, ("facet_parent", value.value)])
                if value.children
                else None,
                "children": value.children,
            }
            for value in (found.values if found else ())
        ],
        next_url=_listed(name, [*here, ("cursor", found.next)]) if found and found.next else None,
    )


def ranges(query: MultiMapping[str]) -> Pairs | None:
    """Turn the ends of ranges, as forms send them, into ranges; None where there are none.

    Args:
        query: parameters, among them perhaps `year_from`, `year_to`, `bytes_from` and `bytes_to`.
    """
    ends = {f"{name}_{end}" for name in HISTOGRAMS for end in ENDS}
    if ends.isdisjoint(query):
        return None
    kept = [(n, v) for n, v in query.items() if n not in ends and n != "cursor"]
    for name in HISTOGRAMS:
        low, high = (query.get(f"{name}_{end}", "").strip() for end in ENDS)
        if low or high:
            kept = [*((n, v) for n, v in kept if n != name), (name, low if low == high else f"{low}..{high}")]
    return kept


# ---- results -----------------------------------------------------------------------------------


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


def _facets(query: MultiMapping[str], answer: Answer) -> list[dict[str, Any]]:
    """Lay out the facets; a value that is chosen links to its removal."""
    shown, given = [], set(query.items())
    for name in FACETS_SHOWN:
        facet = answer.facets.get(name)
        if facet is None:  # there was no time to count it, which the page says
            continue
        values = [
            {
                "label": value.label,
                "count": value.count,
                "chosen": (name, value.value) in given,
                "url": _with(query, name, value.value),
                "remove": _without(query, name, value.value),
            }
            for value in facet.values
        ]
        if values or facet.missing:
            shown.append(
                {
                    "name": name, "title": TITLES[name], "values": values, "missing": facet.missing,
                    "missing_chosen": ("missing", name) in given,
                    "missing_url": _with(query, "missing", name),
                    "missing_remove": _without(query, "missing", name),
                    "other": facet.other, "all": _listed(name, _kept(query)),
                }
            )  # fmt: skip
    return shown


def _said(name: str, value: str) -> str:
    """Say a value that is chosen as people do."""
    if name in VOCABULARIES:
        return VOCABULARIES[name].label(value) or value
    return SAID.get(name, {}).get(value, value)


# ---- addresses ---------------------------------------------------------------------------------


def _whole(query: MultiMapping[str], asked: Request, answer: Answer) -> str:
    """Answer the parameters that ask for all that is found, as it is counted on the page."""
    left_out = {*OF_A_PAGE, *OWN, "sort", "collapse", "as_of"}
    kept = [(n, v) for n, v in query.items() if v and n not in left_out]
    ordered = [("sort", asked.sort)] if asked.sort in ORDERS else []
    return urlencode([*kept, *ordered, ("collapse", asked.collapse), ("as_of", str(answer.snapshot))])


def _citation(base: str, query: MultiMapping[str], answer: Answer) -> str:
    """Write what to cite a search by: what was asked when, what came of it, where to see the same again."""
    kept = _kept(query, "size", "view", "sort", "as_of")
    asked = [f"“{value}”" if name == "q" else f"{name} {value}" for name, value in kept] or ["everything"]
    pinned = [*kept, ("as_of", str(answer.snapshot))]
    found = f"{answer.total:,} {'result' if answer.total == 1 else 'results'}"
    return (
        f"Headwater ({datetime.now(UTC):%Y-%m-%d}): search for {', '.join(asked)}. "
        f"{found} in revision {answer.snapshot}. {base}/?{urlencode(pinned)}"
    )


def _given(query: MultiMapping[str]) -> Pairs:
    """Answer what a search is asked: forms send the fields as well that nobody filled."""
    return [(n, v) for n, v in query.items() if v and n not in OWN]


def _kept(query: MultiMapping[str], *but: str) -> Pairs:
    """Answer the parameters that stay when something else is chosen: the place in the list does not."""
    return [(n, v) for n, v in query.items() if v and n != "cursor" and n not in but]


def _address(pairs: Sequence[tuple[str, str]]) -> str:
    return "/?" + urlencode(pairs) if pairs else "/"


def _listed(name: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Answer where all values of a facet are."""
    return f"/facets/{name}?" + urlencode([(n, v) for n, v in pairs if v])


def _plain(query: MultiMapping[str], words: str | None) -> str | None:
    """Answer the address of the same search with its words taken as plain text."""
    return _address([("q", words), *_kept(query, "q")]) if words else None


def _changed(query: MultiMapping[str], name: str, value: str, default: str = "") -> str:
    """Answer the address of the same search with one choice made otherwise."""
    return _address([*_kept(query, name), *([(name, value)] if value != default else [])])


def _with(query: MultiMapping[str], name: str, value: str) -> str:
    kept = _kept(query)
    return _address(kept if (name, value) in kept else [*kept, (name, value)])


def _without(query: MultiMapping[str], name: str, value: str) -> str:
    return _address([pair for pair in _kept(query) if pair != (name, value)])
