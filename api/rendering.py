"""Pages: how a template becomes an answer, with what every page shows and the policy it is under."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2
from aiohttp import web

from api.due import in_words
from api.formats import DOI_URL, ORCID_URL, term_url
from api.node import NODE, age
from config import VERSION
from index.prepared import digest_of
from index.values.addresses import linked

TITLES = {
    "source": "Repository", "imaging_method": "Imaging method", "organism": "Organism", "license": "License",
    "year": "Year", "format": "File format", "kind": "Kind", "access": "Access", "funder": "Funder",
    "keyword": "Keyword", "affiliation": "Affiliation", "creator": "Creator", "bytes": "Size", "has": "Has",
    "published": "Published", "updated": "Updated", "is": "Is", "missing": "Not stated",
    "withdrawn": "Withdrawn records", "as_of": "As of", "match": "Words that must match",
}  # fmt: skip
"""What people call the parameters of a search."""
HAS_TITLES = {
    "doi": "DOI", "description": "Description", "license": "License", "open_license": "Open license",
    "organism": "Organism", "imaging_method": "Imaging method", "publication": "Publication",
    "funding": "Funding", "files": "Files", "bytes": "Size", "orcid": "ORCID of a creator",
    "ror": "ROR of an affiliation", "thumbnail": "Picture", "viewer": "Viewer", "related": "Related things",
    "citations": "Citations",
}  # fmt: skip
"""What `has=` asks for, as people say it."""


def page(request: web.Request, template: str, *, status: int = 200, **values: object) -> web.Response:
    node = request.app[NODE]
    text = (
        _templates()
        .get_template(template)
        .render(
            node_states=node.states(),
            warnings=node.warnings(),
            version=VERSION,
            base=node.base(request),
            repository=node.title,
            **values,
        )
    )
    return web.Response(
        text=text, content_type="text/html", status=status, headers={"Vary": "Accept", **SECURITY}
    )


async def web_file(request: web.Request) -> web.Response:
    """Answer the stylesheet, the script or a mark."""
    name = request.match_info["name"]
    file = files("api.web").joinpath(name)
    if not file.is_file():
        raise web.HTTPNotFound
    kinds = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
    headers = {"Cache-Control": "max-age=3600", **SECURITY}
    return web.Response(body=file.read_bytes(), content_type=kinds[name.rpartition(".")[2]], headers=headers)


SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What we show was written by strangers: no script but ours may run, and nothing comes from anywhere else."""


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("api.web", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "size": size,
        "age": age,
        "thousands": thousands,
        "told": told,
        "due": in_words,
        "web": linked,
    }
    environment.globals |= {
        "DOI_URL": DOI_URL, "ORCID_URL": ORCID_URL, "term_url": term_url, "titles": TITLES,
        "style": _print("style.css"), "script": _print("page.js"),
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


def _print(name: str) -> str:
    """Answer what changes with a file: browsers keep files under the address that bears it."""
    return digest_of(files("api.web").joinpath(name).read_bytes()).hex()[:8]
