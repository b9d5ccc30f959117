"""What `headwater search` prints: hits with their words marked, links to click, and the facets in brief.

On a terminal titles are links (OSC 8) and words found are marked; in a pipe, or with NO_COLOR, the same text
stands plain, and addresses are written out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from rich.style import Style
from rich.text import Text

from api import terminal
from index.values.addresses import linked

BRIEF = ("source", "imaging_method", "organism", "year")
"""Facets shown when none are asked for."""
VALUES = 5
MARKED, TITLE, QUIET = Style(color="yellow", bold=True), Style(bold=True), Style(dim=True)
COUNTED = Style(color="cyan")

_MARK = re.compile(r"<mark>(.*?)</mark>", re.DOTALL)


def show(answer: Mapping[str, Any]) -> None:
    """Print a search answer for people."""
    for warning in answer["warnings"]:
        terminal.warn(warning)
    then = f", as of revision {answer['snapshot']:,}" if answer["as_of"] else ""
    is_of_groups = all(hit["members"] is not None for hit in answer["hits"])
    unit = ("result" if is_of_groups else "record") + "s" * (answer["total"] != 1)
    part = answer["searched"]
    of_these = f" in {part['shards']} of {part['of']} parts of the index" if part else ""
    terminal.out.print(Text(f"{answer['total']:,} {unit}{of_these}{then}", COUNTED))
    for each in answer["expanded"]:
        terminal.out.print(Text(f"{each['because']}; also looked for: {', '.join(each['as'])}", QUIET))
    if answer["expanded"]:
        terminal.out.print(Text("(--filter expand=no: only what you typed)", QUIET))
    for hit in answer["hits"]:
        _hit(hit)
    if answer["total"] and not part:
        _facets(answer["facets"])
    _help(answer)


def marked(snippet: str, style: Style) -> Text:
    """Turn HTML with <mark> into text with those words marked; nothing in it is taken for markup."""
    text, at = Text(style=style), 0
    for found in _MARK.finditer(snippet):
        text.append(html.unescape(snippet[at : found.start()]))
        text.append(html.unescape(found[1]), MARKED)
        at = found.end()
    text.append(html.unescape(snippet[at:]))
    return text


def _hit(hit: Mapping[str, Any]) -> None:
    landing = linked(hit["links"]["landing"])
    title = hit["snippets"].get("title")
    line = marked(title or html.escape(hit["title"] or hit["id"]), TITLE)
    if landing and terminal.out.is_terminal:
        line.stylize(Style(link=landing))
    terminal.out.print(line)
    facts = [hit["id"], hit["dates"]["published"], (hit["license"] or {}).get("spdx"), hit["source"]]
    about = Text("  " + "  ".join(fact for fact in facts if fact), QUIET)
    if hit["origin"] == "replica":
        about.append("  origin: replica", Style(color="yellow"))
    terminal.out.print(about)
    if landing:
        terminal.out.print(Text(f"  {landing}", Style(link=landing) if terminal.out.is_terminal else ""))
    if (hit["members"] or 1) > 1:
        more = f"  and {hit['members'] - 1} more of its group that match; --collapse none shows all"
        terminal.out.print(Text(more, QUIET))
    if hit["snippets"].get("description"):
        terminal.out.print(Text("  ") + marked(" ".join(hit["snippets"]["description"].split()), Style()))
    gone = hit["withdrawn"]
    if gone:
        terminal.out.print(Text(f"  withdrawn {gone['date'] or ''} {gone['reason']}", Style(color="red")))


def _facets(facets: Mapping[str, Any]) -> None:
    """Print the facets a line each: the most frequent values, and how much is not among them."""
    for name, facet in facets.items():
        line = Text(f"{name}: ", QUIET)
        for place, value in enumerate(facet["values"]):
            line.append(f"{', ' if place else ''}{value['label']} ")
            line.append(f"{value['count']:,}", COUNTED)
        further = "more than are counted" if facet["other"] is None else f"{facet['other']:,}"
        line.append(f"; not stated {facet['missing']:,}, further {further}", QUIET)
        terminal.out.print(line)


def _help(answer: Mapping[str, Any]) -> None:
    """Say what may have been meant, and which part found nothing."""
    meant, why = answer["did_you_mean"], answer["why_empty"]
    if meant:
        terminal.out.print(Text(f"did you mean: {meant['q']}  ({meant['total']:,})", Style(color="green")))
    if why:
        terminal.out.print(Text(why["sentence"]))
        for part in why["parts"]:
            terminal.out.print(
                Text(f"  without {part['text']}: {part['without']:,}; alone: {part['alone']:,}")
            )
