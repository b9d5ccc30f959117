"""One crate of one study, to a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harvester import parts
from harvester.fields import Notes
from harvester.protocols.rocrate import Entity
from harvester.sources.ssbd import papers, samples
from index.record import Affiliation, Creator, Dates, Files, Identifier, Links, Record, Term
from index.values import dates, imaging_methods, sizes, text
from index.vocab.tables import fold

RAW: Final = "https://raw.githubusercontent.com/openssbd/gide-ro-crate/main/"
VIEWER: Final = "https://ssbd.riken.jp/omero/webclient/?show=project-"
BYTES, FILES = "UO_0000233", "UO_0000189"
"""Units: byte, and count unit."""
RECORDED_IMAGE: Final = "FBbi:00000265"

_PROJECT = re.compile(r"/projects/(\d+)/render_thumbnail\b|[?&]show=project-(\d+)")
_KEYWORDS = re.compile(r"\n\s*keywords\s*[:;]\s*(?P<words>[^\n]+?)\s*$", re.IGNORECASE)


def read(number: int, path: str, root: Entity, notes: Notes, mapping_version: int) -> Record:
    """Map one crate; what it says twice or not at all is settled when crates are merged."""
    publisher = next(iter(root.entities("publisher")), None)
    description, words = _description(root, notes)
    found = samples.read(root, notes)
    methods, instruments = _methods(root, notes)
    publications, others = papers.read(root, notes)
    return Record(
        id=f"ssbd:{number}",
        source="ssbd",
        title=notes.clean(text.line_from_html, root.text("name")),
        description="\n".join([*([description] if description else []), *found.lines]) or None,
        identifiers=tuple(_identifiers(root)),
        creators=tuple(_creators(root, notes)),
        publisher=notes.clean(text.line, publisher.text("name")) if publisher else None,
        dates=Dates(published=notes.clean(dates.day, root.text("datePublished"))),
        license=parts.license_(notes, url=root.text("license")),
        access="open",  # whatever SSBD lists can be downloaded without an account
        keywords=notes.clean_all(text.line, [*_keywords(root), *words]),
        subjects=found.subjects,
        organisms=found.organisms,
        imaging_methods=methods,
        anatomy=found.anatomy,
        cell_lines=found.cell_lines,
        instruments=instruments,
        funding=tuple(papers.funding(root, notes)),
        related=tuple(others),
        publications=tuple(publications),
        files=_files(root, notes),
        links=_links(path, root),
        mapping_version=mapping_version,
    )


def _description(root: Entity, notes: Notes) -> tuple[str | None, list[str]]:
    """Answer the description, and the keywords some submitters wrote at its end."""
    raw = root.text("description") or ""
    if raw.startswith('"') and '""' in raw:  # a field of a table, with its quotes (ssbd-repos-000159)
        raw = raw.strip('"').replace('""', '"')
    said = notes.clean(text.from_html, raw)
    if said is None or said == root.text("identifier"):  # so in 471 of 635 crates of April 2026
        return None, []
    match = _KEYWORDS.search(said)
    if match is None:
        return said, []
    words = re.split(r";\s*" if ";" in match["words"] else r",\s*", match["words"].rstrip("."))
    return said[: match.start()].rstrip() or None, words


def _keywords(root: Entity) -> Iterator[str]:
    """Take the keywords; "[major]" is PubMed's mark of a main topic, not part of a heading."""
    for said in root.texts("keywords"):
        for word in said.split("\n"):
            yield word.removesuffix("[major]").strip(" ,")


def _identifiers(root: Entity) -> Iterator[Identifier]:
    for name in root.texts("identifier"):
        scheme = "ssbd" if name.startswith("ssbd-repos-") else "ssbd-database"
        yield from parts.own_identifiers((scheme, name))


def _creators(root: Entity, notes: Notes) -> Iterator[Creator]:
    for person in root.entities("author"):
        named = [
            parts.affiliation(notes, place.text("name"), place.iri)
            for place in person.entities("affiliation")
        ]
        orcid = person.iri if person.iri and "orcid.org" in person.iri else None
        places = tuple(_places(person.text("description"), [place for place in named if place], notes))
        for name in (person.text("name") or "").split(" & "):  # "Misaki Sakashita & Shigeru Kondo"
            if found := parts.creator(notes, name, orcid=orcid, affiliations=places):
                yield found


def _places(said: str | None, named: list[Affiliation], notes: Notes) -> Iterator[Affiliation]:
    """Answer where a person works: the organization, and the part of it that only the description names.

    It reads "Organization: RIKEN; Department: Quantitative Biology Center; Laboratory: ...".
    """
    told = dict(pair.split(": ", 1) for pair in (said or "").split("; ") if ": " in pair)
    organization = parts.affiliation(notes, told.get("Organization"))
    inner = dict.fromkeys(told[part] for part in ("Laboratory", "Department") if part in told)
    yield from named or ([organization] if organization else [])
    if part := parts.affiliation(notes, ", ".join(inner)):
        yield part


def _methods(root: Entity, notes: Notes) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Take the imaging methods, which a crate has as protocols and again as terms, and the instruments."""
    said: dict[tuple[str | None, str], None] = {}
    instruments: list[str | None] = []
    for method in root.entities("measurementMethod"):
        tools = (*method.entities("labEquipment"), *method.entities("instrument"))
        instruments.extend(tool.text("name") for tool in tools)
        for term in method.entities("measurementTechnique") or [method]:
            id_ = term.iri or term.text("identifier") or ""
            labels: list[str | None] = [*method.texts("name"), *term.texts("name")]
            said |= dict.fromkeys((label, re.sub(r"\s|%20", "", id_)) for label in labels or [None])
            term.texts("identifier")
    found: dict[str, Term] = {}
    for label, id_ in said:
        cleaned = notes.keep(imaging_methods.clean(label, id_), f"{label} | {id_}")
        if cleaned is not None:
            found.setdefault(cleaned.id or fold(cleaned.label), cleaned)
    if filler := found.pop(RECORDED_IMAGE, None):
        notes.found.append(("imaging method: stands for none", filler.label))
    return tuple(found.values()), notes.clean_all(text.line, instruments)


def _files(root: Entity, notes: Notes) -> Files:
    count, size = None, None
    for quantity in root.entities("size"):
        unit = f"{quantity.text('unitCode')} {quantity.text('unitText')}"
        value = quantity.number("value")
        if unit.endswith("bytes") or BYTES in unit:
            size = notes.clean(sizes.clean, value)
        elif "file" in unit or FILES in unit:
            count = value or None
    return Files(count=count, bytes=size)


def _links(path: str, root: Entity) -> Links:
    """Answer the links. The number in a thumbnail's address is that of the OMERO project.

    The crates of April 2026 have OMERO's page where those of May have the thumbnail's address: in all 249
    studies that have both, the number is the same.
    """
    pictures = [address for address in root.texts("thumbnailUrl") if not address.endswith(".html")]
    pages = [address for address in root.texts("thumbnailUrl") if address.endswith(".html")]
    projects = [match[1] or match[2] for address in pictures if (match := _PROJECT.search(address))]
    thumbnails = [address for address in pictures if "webclient/" not in address]
    return Links(
        landing=root.iri,
        viewer=next(iter([*(VIEWER + project for project in projects), *pages]), None),
        thumbnail=next(iter(thumbnails), None),
        api=RAW + path,
    )
