"""EMPIAR: raw images behind electron-microscopy maps and volumes, run by EMBL-EBI.

Asked:    the entry API, `POST /empiar/api/entry/` with a range of 500 accession numbers at a time.
Changes:  there is no "changed since" and no list of all, so every run walks all ranges; `update_date`
          and the document's hash tell what changed.
Deleted:  an obsoleted entry says status OBS; a withheld or withdrawn one is simply absent.
Quirks:   numbers have gaps, and a missing number is absent from the answer, not an error; sizes are
          strings ("305.5 GB"), image widths too; cross-references are strings or objects; the XML headers
          on the FTP server escape entities twice; there is no description, organism or license field
          (the FAQ releases everything under CC0; seen 2026).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
from lxml import etree

from harvester import parts
from harvester.errors import BadRecord, Changed
from harvester.fields import Notes, because, listed, mappings
from harvester.paths import Told
from harvester.protocols.xml import parse_xml
from harvester.source import Answer, Ask, Assumption, Card, Counter, Document, Fetch, Page, Reading, reading
from harvester.sources.empiar import header
from index.record import (
    Axes,
    Contributor,
    Creator,
    Dates,
    Files,
    Funding,
    Images,
    Links,
    Publication,
    Record,
    Related,
    Withdrawal,
)
from index.values import dates, formats, identifiers, imaging_methods, sizes, text

API = "https://www.ebi.ac.uk/empiar/api/entry/"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
FIRST, STEP, EMPTY_RANGES = 10000, 500, 3
"""The first accession; numbers per request; this many empty ranges in a row end the walk."""

card = Card(
    name="empiar",
    title="EMPIAR, the Electron Microscopy Public Image Archive",
    homepage="https://www.ebi.ac.uk/empiar/",
    hosts=("www.ebi.ac.uk", "api.datacite.org"),
    scopes=("everything",),
    license_note="metadata and data under CC0",
    incremental="no: the API has no date filter; all entries are read again and compared",
    deletions="status OBS, or absence from a complete walk",
    at_least=2_500,
    pace=1.0,
    pace_from="our choice; no limit is published",
    schedule="weekly",
    mapping_version=1,
    counted_by=(
        Counter(
            "EBI Search",
            "https://www.ebi.ac.uk/ebisearch/ws/rest/empiar?query=*&size=1&format=json",
            "hitCount",
            "entries",
        ),
        Counter(
            "DataCite", "https://api.datacite.org/dois?prefix=10.6019&page[size]=1", "meta.total", "DOIs"
        ),
    ),
)

assumptions: tuple[Assumption, ...] = (
    Assumption(
        "a range answers entries keyed by accession",
        API,
        post=b"10310-10311",
        paths=("EMPIAR-10310.imagesets", "EMPIAR-10310.dataset_size"),
        facts={"EMPIAR-10310.entry_doi": "10.6019/EMPIAR-10310", "EMPIAR-10310.status": "REL"},
    ),
    Assumption("a single entry is keyed by its accession", f"{API}10310/", paths=("EMPIAR-10310.title",)),
    Assumption("a range nobody is in answers an empty object", API, post=b"99000-99001", holds=b"{}"),
)

_CITATION = "crossReferences/citationList/universalCitation"
_CITED = ("journalCitation", "nonJournalCitation")

ignored = (
    because("a pointer into single files", "imagesets[].segmentations",
            "imagesets[].micrographs_file_pattern", "imagesets[].picked_particles_file_pattern",
            "imagesets[].picked_particles_directory", "imagesets[].scipion_workflow", "workflow_file")
    | because("where in the entry's folder an image set lies", "imagesets[].directory")
    | because("data_format is the one that matters", "imagesets[].header_format")
    | because("of movies and voxels: a record knows no frames and no bit depth",
              "imagesets[].frames_per_image", "imagesets[].frame_range_min",
              "imagesets[].frame_range_max", "imagesets[].voxel_type")
    | because("the last version number is taken", "version_history")
    | because("taken when the status says so", "obsolete_date")
    | because("what identifies a paper is taken; pages, issue and editors are not", "citation")
    | because("name and ORCID iD are taken", "authors[].author")
    | because("name, place of work and ORCID iD are taken; e-mail and street are nobody's business",
              "corresponding_author", "principal_investigator")
    | because("a funder's country", "grant_references[].country")
    | because("released entries alone are public, and the status says so", "header:@public")
    | because("academic or commercial: what a person's place of work is",
              "header:admin/correspondingAuthor/organization@type",
              "header:admin/principalInvestigator/organization@type")
    | because("the place in the list, which the list itself has",
              *(f"header:{_CITATION}/{kind}/author@order" for kind in _CITED))
    | because("whether a paper is out yet; what identifies it says so",
              *(f"header:{_CITATION}/{kind}@published" for kind in _CITED))
    | because("e-mail, telephone and street are nobody's business",
              "header:admin/correspondingAuthor", "header:admin/principalInvestigator")
    | because("pages, volume and the like of a paper", "header:crossReferences/citationList")
    | because("a pointer into single files", "header:imageSet/micrographsFilePattern",
              "header:imageSet/pickedParticlesFilePattern")
)  # fmt: skip


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Walk the ranges; a bookmark is the next number and how many ranges before it were empty."""
    state = orjson.loads(ask.bookmark) if ask.bookmark else {"next": FIRST, "empty": 0}
    start, empty = int(state["next"]), int(state["empty"])
    while empty < EMPTY_RANGES:
        answer = await fetch.post(
            API,
            f"{start}-{start + STEP - 1}".encode(),
            headers={"Content-Type": "application/json"},
            accept=(200, 404),
        )
        found = tuple(documents(answer.body)) if _entries(answer) else ()
        start, empty = start + STEP, 0 if found else empty + 1
        bookmark = orjson.dumps({"next": start, "empty": empty}).decode()
        yield Page(answer.url, found, bookmark, answer.asked_at)


def documents(body: bytes) -> Iterator[Document]:
    """Split an answer of the entry API (JSON keyed by accession), or take one XML header."""
    if body.lstrip().startswith(b"<"):
        root = parse_xml(body)
        if etree.QName(root).localname != "entry":
            raise BadRecord(f"XML <{etree.QName(root).localname}>, not an EMPIAR header")
        yield Document(root.get("accessionCode"), body, "application/xml")
        return
    parsed = orjson.loads(body)
    if isinstance(parsed, dict) and "imagesets" in parsed and parsed.get("entry_doi"):
        parsed = {str(parsed["entry_doi"]).partition("/")[2]: parsed}
    found = parsed.items() if isinstance(parsed, dict) else ()
    entries = [(key, entry) for key, entry in found if _is_entry(entry)]
    if not entries:
        raise BadRecord("no EMPIAR entry in this answer")
    for key, entry in entries:
        yield Document(key, orjson.dumps({key: entry}))


def read(document: Document) -> Reading:
    """Map one entry; see the module's docstring for what the upstream leaves out."""
    if document.media_type == "application/xml":
        accession, entry = header.entry_of(parse_xml(document.body))
    else:
        ((accession, entry),) = orjson.loads(document.body).items()
    notes = Notes()
    take = entry.pop
    doi = notes.clean(identifiers.doi, take("entry_doi", None))
    known = identifiers.accession(accession) or identifiers.accession((doi or "").partition("/")[2])
    if known is None:
        raise BadRecord(f"no EMPIAR accession in {accession!r}")
    accession = known[1]
    number = accession.removeprefix("EMPIAR-")
    imagesets = mappings(entry.get("imagesets"))
    method, scale = take("experiment_type", None), take("scale", None)
    categories = [imageset.pop("category", None) for imageset in imagesets]
    modified = take("update_date", None)
    status = take("status", None)
    record = Record(
        id=f"empiar:{accession}",
        source="empiar",
        title=notes.clean(text.line, take("title", None)),
        description=_description(imagesets, notes),
        version=_last_version(entry.get("version_history")),
        identifiers=parts.own_identifiers(("empiar", accession), ("doi", doi)),
        doi=doi,
        concept_doi=doi,
        creators=tuple(_creators(take("authors", None), notes)),
        contributors=tuple(_contributors(entry, notes)),
        publisher="EMPIAR",
        dates=Dates(
            published=notes.clean(dates.day, take("release_date", None)),
            created=notes.clean(dates.clean, take("deposition_date", None)),
            modified=notes.clean(dates.clean, modified),
        ),
        withdrawn=_withdrawn(status, entry, notes),
        license=parts.license_(notes, "CC0-1.0", CC0),
        access="open" if status in {"REL", None} else "closed",
        keywords=notes.clean_all(text.line, [method, scale, *categories]),
        imaging_methods=notes.clean_all(_method, [method]),
        funding=tuple(_funding(entry.get("grant_references"), notes)),
        related=tuple(_related(entry)),
        publications=tuple(_publications(entry.get("citation"), notes)),
        files=Files(
            bytes=notes.clean(sizes.clean, take("dataset_size", None)),
            formats=_formats(imagesets),
        ),
        images=_images(imagesets),
        links=Links(
            landing=f"https://www.ebi.ac.uk/empiar/{accession}/",
            download=f"https://ftp.ebi.ac.uk/empiar/world_availability/{number}/",
            api=f"{API}{number}/",
        ),
        upstream_modified=modified,
        mapping_version=card.mapping_version,
    )
    return reading(record, entry, ignored, notes)


def told(document: Document) -> Told:
    """Lay out one entry."""
    if document.media_type == "application/xml":
        return Told("header", parse_xml(document.body))
    ((_, entry),) = orjson.loads(document.body).items()
    return Told("api", entry)


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Ask for one entry; released entries answer with themselves."""
    answer = await fetch.get(f"{API}{upstream_id}/", accept=(200, 404))
    return None if _entries(answer) else Withdrawal(reason="no longer served by the entry API")


def _is_entry(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and isinstance(value.get("imagesets"), list)


def _entries(answer: Answer) -> bool:
    """Tell whether an answer holds entries.

    Raises:
        Changed: it holds neither entries nor the emptiness that stands for "none in this range".
    """
    parsed = answer.json()
    if isinstance(parsed, dict) and any(_is_entry(entry) for entry in parsed.values()):
        return True
    if parsed in ({}, []) or answer.status == 404:
        return False
    raise Changed("the entry API answered neither entries nor nothing", url=answer.url)


def _description(imagesets: list[dict[str, Any]], notes: Notes) -> str | None:
    """Compose a description: EMPIAR has none, but its image sets have names and details."""
    lines = []
    for imageset in imagesets:
        name = notes.clean(text.line, imageset.pop("name", None))
        details = notes.clean(text.clean, imageset.pop("details", None))
        lines.append(": ".join(part for part in (name, details) if part))
    return "\n".join(line for line in dict.fromkeys(lines) if line) or None


def _creators(authors: Any, notes: Notes) -> Iterator[Creator]:  # noqa: ANN401
    for entry in mappings(authors):
        author = entry.get("author", entry)
        person = parts.creator(
            notes, author.get("name"), orcid=author.get("author_orcid"), initials_last=True
        )
        if person:
            yield person


def _contributors(entry: dict[str, Any], notes: Notes) -> Iterator[Contributor]:
    people = [("ContactPerson", entry.get("corresponding_author"))]
    people += [("ProjectLeader", person) for person in mappings(entry.get("principal_investigator"))]
    for role, holder in people:
        person = (holder or {}).get("author") or {}
        organization = parts.affiliation(notes, person.get("organization"))
        creator = parts.creator(
            notes,
            None,
            given=person.get("first_name"),
            family=person.get("last_name"),
            orcid=person.get("author_orcid"),
            affiliations=[organization] if organization else (),
        )
        if creator and (contributor := parts.contributor(creator, role)):
            yield contributor


def _withdrawn(status: object, entry: dict[str, Any], notes: Notes) -> Withdrawal | None:
    if status in {"REL", None}:
        return None
    date = notes.clean(dates.day, entry.get("obsolete_date"))
    return Withdrawal(date=date, reason=f"status {status}")


def _method(label: str) -> Any:  # noqa: ANN401
    # "EMDB" is how EMPIAR names single-particle and tomography data behind EMDB maps.
    return imaging_methods.clean("electron microscopy" if label == "EMDB" else label)


def _funding(grants: Any, notes: Notes) -> Iterator[Funding]:  # noqa: ANN401
    for grant in mappings(grants):
        found = parts.funding(
            notes,
            evidence="grant_references",
            funder=grant.pop("funding_body", None),
            award=grant.pop("code", None),
        )
        if found:
            yield found


def _related(entry: dict[str, Any]) -> Iterator[Related]:
    for field, relation, scheme in (
        ("cross_references", "IsSourceOf", None),  # EMDB maps are computed from these images
        ("related_pdb_entries", "IsSourceOf", "pdb"),
        ("biostudies_references", "References", None),
        ("idr_references", "References", None),
        ("empiar_references", "References", None),
    ):
        for reference in listed(entry.pop(field, None)):
            name = reference.get("name") if isinstance(reference, dict) else reference
            found = parts.related(relation, name, scheme=scheme, kind="Dataset")
            if found:
                yield found


def _publications(citations: Any, notes: Notes) -> Iterator[Publication]:  # noqa: ANN401
    for citation in mappings(citations):
        authors = [str(author.get("name")) for author in mappings(citation.get("authors"))]
        paper = parts.publication(
            notes,
            doi=citation.get("doi"),
            pmid=citation.get("pubmedid"),
            title=citation.get("title"),
            authors=", ".join(authors),
            journal=citation.get("journal") or citation.get("journal_abbreviation"),
            year=citation.get("year"),
            preprint=citation.get("preprint"),
        )
        if paper:
            yield paper


def _formats(imagesets: list[dict[str, Any]]) -> tuple[str, ...]:
    found = (formats.clean(imageset.pop("data_format", None)) for imageset in imagesets)
    return tuple(dict.fromkeys(name for name in found if name))


def _images(imagesets: list[dict[str, Any]]) -> Images:
    """Sum the images; take sizes from the first image set that states them."""
    count, dimensions, pixel = 0, None, None
    for imageset in imagesets:
        count += int(imageset.pop("num_images_or_tilt_series", None) or 0)
        width, height = (_number(imageset.pop(f"image_{side}", None)) for side in ("width", "height"))
        across, down = (_number(imageset.pop(f"pixel_{side}", None)) for side in ("width", "height"))
        if dimensions is None and (width or height):
            dimensions = Axes(x=width, y=height)
        if pixel is None and (across or down):  # stated in Ångström
            pixel = Axes(x=across and round(across / 10, 6), y=down and round(down / 10, 6))
    return Images(count=count or None, dimensions=dimensions, pixel_size_nm=pixel)


def _number(raw: object) -> float | None:
    try:
        return float(str(raw)) or None
    except ValueError:
        return None


def _last_version(history: Any) -> str | None:  # noqa: ANN401
    versions = [entry.get("version_number") for entry in mappings(history)]
    return str(versions[-1]) if versions and versions[-1] is not None else None
