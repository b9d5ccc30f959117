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

from harvester.fields import Notes, Raw, because, mappings
from harvester.paths import Told, of_xml
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
    pictures=("https://zenodo.org/api/iiif/",),
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

ignored = (
    because("an address: the links of a record are made from its number, by rule", "links", "doi_url", "url",
            "@id")
    | because("how the repository keeps the record", "$schema", "pid", "provenance", "revision",
              "revision_id", "is_draft", "is_published", "state", "status", "submitted", "recid",
              "record_id", "expanded")
    | because("who owns it is an account's number", "owners", "owner", "parent.access")
    | because("how access was arranged; who has it is taken", "access.record", "access.embargo")
    | because("internal notes; those of the depositor are descriptions", "notes")
    | because("the same once more, for its own pages", "ui")
    | because("which version is the newest changes with every other record: a question for families",
              "versions", "metadata.relations")
    | because("said twice", "title", "modified", "metadata.doi", "metadata.access_right_category",
              "metadata.upload_type", "metadata.publication_type", "metadata.prereserve_doi", "author")
    | because("the slugs were taken; what is left are internal numbers", "parent.communities")
    | because("the order in which its own page shows files", "files.order")
    | because("derived pictures", "media_files")
    | because("no field of a record: other titles, places, further dates, page counts, conditions of access",
              "metadata.additional_titles", "metadata.locations", "metadata.dates", "metadata.sizes",
              "metadata.access_conditions")
    | because("where an article appeared or was presented; a record describes the deposit",
              "metadata.journal", "metadata.meeting", "metadata.part_of", "metadata.publisher",
              "rest:metadata.imprint.publisher")
    | because("details of persons: a role of a creator, ids that are no ORCID iD",
              "metadata.creators[].role", "metadata.creators[].gnd", "metadata.contributors[].gnd")
    | because("of a file: addresses made by rule, what its name's ending says better, how it is stored",
              "native:files.entries[].key", "native:files.entries[].id", "native:files.entries[].ext",
              "native:files.entries[].mimetype", "native:files.entries[].storage_class",
              "native:files.entries[].links", "native:files.entries[].access", "rest:files[].bucket",
              "rest:files[].id", "rest:files[].links", "rest:files[].type",
              "page:distribution[].encodingFormat")
    | because("which file its own page shows; taken where it is a picture", "native:files.default_preview")
    | because("access.status wins; used where there is none", "native:access.files")
    | because("of a grant: the title and the number are taken, the acronym where there is no title",
              "native:metadata.funding[].award.acronym", "native:metadata.funding[].award.program",
              "rest:metadata.grants[].acronym", "rest:metadata.grants[].program")
    | because("the funder's id and the award's number win; used where they are not told",
              "native:metadata.funding[].award.id")
    | because("who registers an identifier", "native:pids.doi.client", "native:pids.doi.provider",
              "native:pids.handle.client", "native:pids.handle.provider", "native:pids.oai.provider",
              "native:parent.pids.doi.client", "native:parent.pids.doi.provider",
              "tombstone:pids.doi.client", "tombstone:pids.concept-doi.client")
    | because("a type's id says it; the words are for people", "native:metadata.resource_type.title",
              "native:metadata.contributors[].role.title",
              "native:metadata.related_identifiers[].relation_type.title",
              "rest:metadata.resource_type.title")
    | because("a person's names are told apart, an organization's are not, which tells them apart",
              "native:metadata.contributors[].person_or_org.type")
    | because("the license is known by its id and address", "native:metadata.rights[].props.osi_approved",
              "native:metadata.rights[].props.scheme")
    | because("the language's code wins; used where there is none", "page:inLanguage.name")
    | because("the funder's name wins; used where there is none", "rest:metadata.grants[].funder.acronym")
    | because("the id says it", "native:metadata.languages[].title", "native:metadata.rights[].description",
              "native:metadata.rights[].icon", "native:metadata.additional_descriptions[].lang",
              "rest:metadata.subjects[].scheme")
    | because("views and downloads of this version are taken; the upstream counts in more ways",
              "native:stats", "rest:stats")
    | because("a state that holds for all that is listed", "native:deletion_status.status")
    | because("who removed it is an account's number; that it is shown", "tombstone:tombstone.removed_by",
              "tombstone:tombstone.is_visible")
    | because("says once more that it is a tombstone", "tombstone:message")
    | because("of a tombstone the DOI alone is taken", "tombstone:pids.oai", "tombstone:pids.handle",
              "tombstone:pids.doi.provider", "tombstone:pids.concept-doi.provider")
    | because("vocabularies of specimens, sequences and places of printing; species are taken",
              *(f"custom_fields.{prefix}" for prefix in sorted(facts.LEFT_OUT)))
    | because("schema.org's types", "page:contributor[].@type", "page:creator[].@type",
              "page:distribution[].@type", "page:inLanguage.@type")
    | because("schema.org's own frame", "@context", "publisher", "temporal", "contentSize", "size",
              "encodingFormat")
    | xml.IGNORED
)  # fmt: skip


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
    return reading(_of_json(parsed, notes, version), parsed, ignored, notes)


def told(document: Document) -> Told:
    """Lay out a document of any shape; files are told by their place, not by their names."""
    start = document.body[:1]
    if start == b"<":
        return of_xml(parse_xml(document.body))
    if start != b"{":
        return Told("deleted", tombstones.row_of(document.body.decode()))
    parsed = orjson.loads(document.body)
    for name in ("files", "media_files"):
        held = parsed.get(name)
        if isinstance(held, dict) and isinstance(held.get("entries"), dict):
            held["entries"] = [{**entry, "(name)": name} for name, entry in held["entries"].items()]
    return Told(_form(parsed), parsed)


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
    form = _form(parsed)
    if form == "tombstone":
        return tombstones.read(parsed, version)
    if form == "page":
        return page.read(parsed, notes, version)
    return native.read(parsed, notes, version) if form == "native" else rest.read(parsed, notes, version)


def _form(parsed: dict[str, Raw]) -> str:
    """Name the shape of a JSON document; the public JSON imitates that of before October 2023."""
    if "@type" in parsed:
        return "page"
    metadata = parsed.get("metadata")
    if not isinstance(metadata, dict):
        return "tombstone"
    people, type_ = mappings(metadata.get("creators"))[:1], metadata.get("resource_type") or {}
    is_native = "pids" in parsed or "id" in type_ or any("person_or_org" in person for person in people)
    return "native" if is_native else "rest"
