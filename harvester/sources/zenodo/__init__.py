"""Zenodo: the general repository of CERN and OpenAIRE, run on InvenioRDM since October 2023.

Asked:    for everything, the monthly dump of native JSON (`/api/exporter`), then the search API
          (`/api/records`) for what changed since; for imaging, the search with formats, keywords and terms.
          Searches go in slices of time. The option `route` (dump, rest, oai) overrules; `prefix` names
          another metadata format of OAI-PMH, `community` one community to search.
Changes:  the search by `updated`, in native JSON; with route=oai `oai_datacite` in windows of a day.
Deleted:  records-deleted.csv.gz lists what was withdrawn; a single record answers 410 with its tombstone.
          OAI-PMH says nothing (deletedRecord=no).
Quirks:   a resumption token sent twice gives the next batch, so windows are counted and begun anew; OAI-PMH
          errors come with status 422, good answers with Retry-After; a search gives 25 records per page and
          10,000 in all; `communities=` with an unknown slug searches everything, silently; every version is
          a record of its own; the public JSON imitates that of before October 2023; oai_dc escapes HTML
          twice; XML names no files, and the packed download ends at 300 MB.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import orjson

from harvester.fields import Notes, Raw, mappings
from harvester.protocols.xml import parse_xml
from harvester.source import Ask, Card, Counter, Document, Fetch, Page, Reading, reading
from harvester.sources.zenodo import asking, facts, native, page, rest, shapes, tombstones, xml
from harvester.sources.zenodo.assumptions import ASSUMPTIONS
from index.record import Record, Withdrawal

card = Card(
    name="zenodo",
    title="Zenodo",
    homepage="https://zenodo.org/",
    hosts=("zenodo.org", "api.datacite.org"),
    scopes=("imaging", "everything"),
    license_note="metadata under CC0, except e-mail addresses",
    incremental="searches by `updated`; OAI-PMH windows by datestamp with route=oai",
    deletions="the list of deleted records that comes with the dump, and status 410 for a single record",
    # One number for both scopes: everything holds 8,091,746 versions (August 2026), of which the imaging
    # search must find some tens of thousands.
    at_least=20_000,
    pace=2.0,
    pace_from="30 requests a minute for search and OAI-PMH, published in zenodo-rdm's invenio.cfg",
    schedule="daily",
    mapping_version=1,
    counted_by=(
        Counter(
            "Zenodo",
            "https://zenodo.org/api/records?size=1&all_versions=true",
            "hits.total",
            "public versions",
            own_of=("everything",),
        ),
        Counter(
            "DataCite",
            "https://api.datacite.org/dois?client-id=cern.zenodo&page[size]=1",
            "meta.total",
            "DOIs, of versions and of concepts",
        ),
    ),
)

assumptions = ASSUMPTIONS

IGNORED = frozenset(
    {
        # Addresses: the links of a record are made from its number, by rule.
        "links",
        "doi_url",
        "url",
        "@id",
        # How the repository keeps the record; who owns it is an account's number.
        "$schema",
        "pid",
        "provenance",
        "revision",
        "revision_id",
        "is_draft",
        "is_published",
        "state",
        "status",
        "submitted",
        "owners",
        "owner",
        "recid",
        "record_id",
        "parent.access",
        "access.record",
        "access.embargo",
        "notes",  # internal ones; those of the depositor are descriptions
        "expanded",
        "ui",  # the same once more, for its own pages
        # Which version is the newest changes with every other record: a question for families.
        "versions",
        "metadata.relations",
        # Said twice.
        "title",
        "modified",
        "metadata.doi",
        "metadata.access_right_category",
        "metadata.upload_type",
        "metadata.publication_type",
        "metadata.prereserve_doi",
        "author",
        "parent.communities",  # the slugs were taken; what is left are internal numbers
        "files.order",  # in which its own page shows them
        "media_files",  # derived pictures
        # No field of a record: other titles, places, further dates, page counts, conditions of access.
        "metadata.additional_titles",
        "metadata.locations",
        "metadata.dates",
        "metadata.sizes",
        "metadata.access_conditions",
        # Where an article appeared or was presented; a record describes the deposit.
        "metadata.journal",
        "metadata.meeting",
        "metadata.part_of",
        "metadata.publisher",
        # Details of persons and terms: a role of a creator, ids that are no ORCID, titles in other languages.
        "metadata.creators[].role",
        "metadata.creators[].gnd",
        "metadata.contributors[].gnd",
        # schema.org's own frame.
        "@context",
        "publisher",
        "temporal",
        "contentSize",
        "size",
        "encodingFormat",
    }
)


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Ask in the way that fits the scope; see `asking`."""
    async for found in asking.pages(fetch, ask):
        yield found


def documents(body: bytes) -> Iterator[Document]:
    """Split any answer; see `shapes`."""
    return shapes.split(body)


def read(document: Document) -> Reading:
    """Read a document of any shape."""
    notes, version = Notes(), card.mapping_version
    start = document.body[:1]
    if start == b"<":
        record, unmapped = xml.read(parse_xml(document.body), notes, version)
        return Reading(record, unmapped, tuple(notes.found))
    if start != b"{":
        return Reading(tombstones.read_row(document.body.decode(), version))
    parsed = orjson.loads(document.body)
    return reading(_of_json(parsed, notes, version), parsed, IGNORED, notes)


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Ask for one record: 410 brings its tombstone, a hidden tombstone answers 404."""
    answer = await fetch.get(f"{facts.API}/{upstream_id}", accept=(200, 404, 410))
    if answer.status == 200:
        return None
    said = answer.json()
    found = tombstones.of_record(said, upstream_id) if isinstance(said, dict) else None
    page_ = f"{facts.SITE}/records/{upstream_id}"
    return found or Withdrawal(reason="not found" if answer.status == 404 else "deleted", url=page_)


def _of_json(parsed: dict[str, Raw], notes: Notes, version: int) -> Record:
    if "@type" in parsed:
        return page.read(parsed, notes, version)
    metadata = parsed.get("metadata")
    if not isinstance(metadata, dict):
        return tombstones.read(parsed, version)
    people, type_ = mappings(metadata.get("creators"))[:1], metadata.get("resource_type") or {}
    is_native = "pids" in parsed or "id" in type_ or any("person_or_org" in person for person in people)
    return native.read(parsed, notes, version) if is_native else rest.read(parsed, notes, version)
