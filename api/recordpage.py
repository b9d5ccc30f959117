"""A record's page: everything known, where each value came from, and for machines what it describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web
from markupsafe import Markup

from api.formats import DOI_URL, ORCID_URL, SPDX_URL, citation, schema_org
from api.node import NODE
from api.rendering import page
from api.verbatim import without_addresses
from index.history import History, Version
from index.losses import table
from index.record import Record
from index.similar import Similar
from index.store import Kept, Store
from index.values.addresses import linked

SIMILAR_SHOWN = 5
VERSIONS_SHOWN = 10
"""On a record's page; the JSON has all."""
RAW_SHOWN = 60_000
"""Characters of the upstream document that stand beside the record; the whole is one click away."""
ITEMS_LINKED = 10
"""Files named in the header; a header of more than 8 kB is refused by many proxies."""

DESCRIBED = {
    "application/json": "/api/v1/records/{}", "application/ld+json": "/records/{}?format=jsonld",
    "text/turtle": "/records/{}?format=turtle", "application/rdf+xml": "/records/{}?format=rdf",
}  # fmt: skip


async def shown(request: web.Request, kept: Kept, told: History, alike: Sequence[Similar]) -> web.Response:
    """Show one record; with `show=origins` where each value comes from, and the document beside it."""
    node, found = request.app[NODE], kept.record()
    base = node.base(request)
    beside: dict[str, Any] = {"whence": None, "raw": None}
    if request.query.get("show") == "origins":
        beside = await node.off_loop(_beside, node.store, kept)
    ld = orjson.dumps(schema_org.write(found, base)).decode().replace("</", "<\\/")
    answer = page(
        request,
        "record.html",
        status=410 if kept.state == "withdrawn" else 200,
        record=found,
        kept=kept,
        tags=list(tags(found, base)),
        citation=citation.write(found),
        versions=[(version, _fields(version)) for version in reversed(told.versions)],
        versions_total=told.total,
        alike=alike,
        json_ld=Markup(ld),  # noqa: S704  # JSON with "</" broken up, in a script element
        **beside,
    )
    answer.headers["Link"] = ", ".join(signposts(found, base))
    return answer


def tags(record: Record, base: str) -> Iterator[tuple[str, str, str]]:
    """Yield what reference managers (Highwire's names, as Zotero and Google Scholar read) and previews read.

    Yields:
        The attribute that names the tag, its name, and its content.
    """
    published = record.dates.published
    highwire = [
        ("citation_title", record.title),
        *(("citation_author", person.name) for person in record.creators),
        ("citation_publication_date", published.replace("-", "/") if published else None),
        ("citation_publisher", record.publisher),
        ("citation_doi", record.doi),
        ("citation_language", record.language),
        ("citation_abstract_html_url", f"{base}/records/{record.id}"),
        *(("citation_keywords", word) for word in record.keywords),
        ("description", (record.description or "")[:300]),
    ]
    graph = [
        ("og:type", "website"),
        ("og:site_name", "Headwater"),
        ("og:title", record.title or record.id),
        ("og:url", f"{base}/records/{record.id}"),
        ("og:description", (record.description or "")[:300]),
        ("og:image", f"{base}/records/{record.id}/thumbnail" if record.links.thumbnail else None),
    ]
    yield from (("name", name, content) for name, content in highwire if content)
    yield from (("property", name, content) for name, content in graph if content)


def signposts(record: Record, base: str) -> Iterator[str]:
    """Yield typed links as Signposting has them (FAIR Signposting Profile, level 1, seen 2026)."""
    if record.doi:
        yield _link(DOI_URL + record.doi, "cite-as")
    for media_type, path in DESCRIBED.items():
        yield _link(base + path.format(record.id), "describedby", type=media_type)
    yield _link("https://schema.org/AboutPage", "type")
    yield _link(f"https://schema.org/{schema_org.TYPES.get(record.kind, 'CreativeWork')}", "type")
    for person in record.creators:
        if person.orcid:
            yield _link(ORCID_URL + person.orcid, "author")
    if record.license and record.license.spdx:
        yield _link(SPDX_URL + record.license.spdx, "license")
    for file in record.files.listed[:ITEMS_LINKED]:
        if address := linked(file.url):
            yield _link(address, "item")


def _link(target: str, relation: str, **more: str) -> str:
    """Write one link as RFC 8288 has it; what could end the target early is written as a number."""
    safe = "".join(
        c if c.isascii() and c.isprintable() and c not in '<>"\\ ' else _percent(c) for c in target
    )
    return f"<{safe}>; " + "; ".join(f'{name}="{value}"' for name, value in {"rel": relation, **more}.items())


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _beside(store: Store, kept: Kept) -> dict[str, Any]:
    """Read where a source's documents say what, and the document itself."""
    found = store.raw(kept.id)
    text = without_addresses(found[0]).decode("utf-8", "replace") if found else None
    paths = origins(store, kept.stored["source"])

    def whence(key: str) -> list[str]:
        """Answer the upstream's fields for all of the record's that begin so."""
        return list(dict.fromkeys(each for name, of in paths.items() if name.startswith(key) for each in of))

    return {"whence": whence, "raw": _laid_out(text) if text else None}


def origins(store: Store, source: str) -> Mapping[str, Sequence[str]]:
    """Answer, for each field of a record, the fields of the source's documents that it is read from."""
    found: dict[str, list[str]] = {}
    for row in table(store, source):
        for field in row.fate.fields:
            found.setdefault(field, []).append(row.path.replace(":", ": ", 1))
    return found


def _laid_out(text: str) -> dict[str, Any]:
    """Lay JSON out in lines, as far as it is shown; other documents come as they are."""
    try:
        text = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = text.replace("><", ">\n<")
    return {"text": text[:RAW_SHOWN], "is_cut": len(text) > RAW_SHOWN}


def _fields(version: Version) -> str:
    """Name the fields that a version changed, in words."""
    names = (edit.path.split("/")[1].replace("_", " ") for edit in version.edits)
    return ", ".join(dict.fromkeys(names))
