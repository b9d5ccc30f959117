"""One dataset of Dryad to a record: the dataset of a page, a version of it, or a dataset with its files."""

from __future__ import annotations

from urllib.parse import quote

import orjson

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, because, listed
from harvester.paths import Told
from harvester.source import Document, Reading, reading
from harvester.sources.dryad.files import files_of
from harvester.sources.dryad.people import creators, funding
from harvester.sources.dryad.shapes import identity, is_hidden
from harvester.sources.dryad.works import publications, related_works
from index.record import (
    Access,
    Count,
    Dates,
    License,
    Links,
    Metrics,
    Record,
    Subject,
    Withdrawal,
)
from index.values import dates, identifiers, text

MAPPING_VERSION = 1

CC0 = "https://spdx.org/licenses/CC0-1.0.html"

IGNORED = (
    because("a link or a number of the upstream's own housekeeping; the DOI names the data set",
            "_links", "id", "versionStatus", "versionChanges", "changedFields", "editLink", "userId")
    | because("http, or for an unpublished data set a private address; the landing page is built",
              "sharingLink")
    | because("where and when things were collected: the record has no place and no span of time",
              "locations", "temporalCoverages")
    | because("headings and names of files from the old Dryad; taken for a retracted data set",
              "usageNotes")
    | because("how data on people was made anonymous", "hsiStatement")
    | because("the journal of a paper that relatedWorks names by its DOI", "relatedPublicationISSN")
    | because("e-mail addresses are not kept", "authors[].email")
    | because("only in deposits; the answers have ROR ids", "authors[].affiliationISNI")
    | because("a program or division, neither the funder nor the grant's title",
              "funders[].awardDescription")
    | because("the place in the list, which the list itself has", "funders[].order")
    | because("the identifier's own form tells what it is", "relatedWorks[].identifierType")
    | because("of a file: said better by the name's ending, the state of its upload, or where it came from",
              "files[]._links", "files[].mimeType", "files[].status", "files[].description", "files[].url")
    | because("a switch or a journal's matter of a deposit, never in an answer",
              "publicationISSN", "publicationName", "manuscriptNumber", "skipEmails",
              "preserveCurationStatus", "holdForPeerReview", "triggerSubmitInvitation",
              "skipDataciteUpdate", "loosenValidation", "invoiceId", "paymentId")
)  # fmt: skip


def read(document: Document) -> Reading:
    """Map one dataset."""
    whole = orjson.loads(document.body)
    entry = whole.get("dataset", whole)
    if is_hidden(entry):
        raise BadRecord(f"Dryad does not show it: {entry['message']}")
    said = identity(entry)
    if said is None:
        raise BadRecord("no DOI, so it cannot be told from others")
    name = said.lower().removeprefix("doi:")
    notes, take = Notes(), entry.pop
    take("identifier", None)
    doi = notes.clean(identifiers.doi, name)
    status, visibility = take("curationStatus", None), take("visibility", None)
    access = _access(status, visibility)
    modified = take("lastModificationDate", None)
    works = tuple(related_works(take("relatedWorks", None)))
    files, left = files_of(whole, entry, notes)
    record = Record(
        id=f"dryad:{name}",
        source="dryad",
        title=notes.clean(text.line_from_html, take("title", None)),
        description=_description(take("abstract", None), take("methods", None), notes),
        version=notes.clean(text.line, _as_text(take("versionNumber", None))),
        identifiers=parts.own_identifiers(("doi", doi)),
        doi=doi,
        concept_doi=doi,
        creators=tuple(creators(take("authors", None), notes)),
        publisher="Dryad",
        dates=_dates(entry, modified, access, notes),
        withdrawn=_withdrawn(status, entry, notes),
        license=_license(take("license", None), name, notes),
        access=access,
        keywords=notes.clean_all(text.line_from_html, listed(take("keywords", None))),
        subjects=_subjects(take("fieldOfScience", None), notes),
        funding=tuple(funding(take("funders", None), notes)),
        related=works,
        publications=publications(works, notes),
        files=files,
        links=_links(name),
        metrics=_metrics(take("metrics", None)),
        upstream_modified=modified if isinstance(modified, str) else None,
        mapping_version=MAPPING_VERSION,
    )
    return reading(record, {**entry, "files": left}, IGNORED, notes)


def told(document: Document) -> Told:
    """Lay out a data set, whether it came with its files or without."""
    whole = orjson.loads(document.body)
    if "dataset" not in whole:
        return Told("dataset", whole)
    beside = {name: value for name, value in whole.items() if name != "dataset"}
    return Told("dataset", {**whole["dataset"], **beside})


def _access(status: Raw, visibility: Raw) -> Access:
    """Tell who gets the files; while an embargo lasts Dryad shows the metadata only."""
    state = status.casefold() if isinstance(status, str) else None
    if state == "embargoed":
        return "embargoed"
    if state in {"retracted", "withdrawn"}:
        return "closed"
    if visibility is not None and visibility != "public":
        return "restricted"
    if state == "published":
        return "open"
    return "unknown" if state is None else "restricted"


def _dates(entry: dict[str, Raw], modified: Raw, access: Access, notes: Notes) -> Dates:
    """Read the days. Under an embargo `publicationDate` is the day on which it ends."""
    published, ends = entry.pop("publicationDate", None), entry.pop("embargoEndDate", None)
    if access == "embargoed":
        published, ends = None, ends or published
    return Dates(
        published=notes.clean(dates.day, published),
        modified=notes.clean(dates.clean, modified),
        available=notes.keep(dates.day(ends, embargo=True), ends),
    )


def _withdrawn(status: Raw, entry: dict[str, Raw], notes: Notes) -> Withdrawal | None:
    """Read a retraction; its statement stands in the usage notes (openapi.yml, August 2026)."""
    if not isinstance(status, str) or status.casefold() not in {"retracted", "withdrawn"}:
        return None
    statement = notes.clean(text.from_html, entry.pop("usageNotes", None))
    return Withdrawal(reason=statement or f"status {status}")


def _license(raw: Raw, name: str, notes: Notes) -> License | None:
    """Read the license; answers of 2020 leave it out, and under Dryad's own prefix it has ever been CC0.

    Partners deposit under theirs, and `config/licenses.yml` of dryad-app knows CC-BY as well.
    """
    if raw is None:
        return parts.license_(notes, None, CC0) if name.startswith("10.5061/") else None
    is_address = isinstance(raw, str) and raw.startswith("http")
    return parts.license_(notes, None if is_address else raw, raw if is_address else None)


def _description(abstract: Raw, methods: Raw, notes: Notes) -> str | None:
    """Join abstract and methods, since the methods name organisms and microscopes."""
    said, how = (notes.clean(text.from_html, raw) for raw in (abstract, methods))
    return "\n".join(part for part in (said, f"Methods\n{how}" if how else None) if part) or None


def _subjects(field: Raw, notes: Notes) -> tuple[Subject, ...]:
    labels = notes.clean_all(text.line, listed(field))
    return tuple(Subject(label=label, scheme="OECD FOS") for label in labels)


def _links(name: str) -> Links:
    address = f"https://datadryad.org/api/v2/datasets/{quote(f'doi:{name}', safe='')}"
    return Links(
        landing=f"https://datadryad.org/dataset/doi:{quote(name, safe='/')}",
        download=f"{address}/download",
        api=address,
    )


def _metrics(counts: Raw) -> Metrics:
    """Take what is counted; the numbers carry no date."""
    said = counts if isinstance(counts, dict) else {}
    found = {name: said.pop(name, None) for name in ("views", "downloads", "citations")}
    return Metrics(
        **{name: Count(value=value, said_by="dryad") for name, value in found.items() if type(value) is int}
    )


def _as_text(raw: Raw) -> Raw:
    return str(raw) if isinstance(raw, int) else raw
