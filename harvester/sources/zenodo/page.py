"""The schema.org text of a landing page (JSON-LD)."""

from __future__ import annotations

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, listed, mappings
from harvester.sources.zenodo import facts, shapes
from index.record import Creator, Dates, Funding, Record
from index.values import dates, identifiers, text

_KINDS = {
    "Dataset": "Dataset",
    "SoftwareSourceCode": "Software",
    "ScholarlyArticle": "JournalArticle",
    "ImageObject": "Image",
    "Photograph": "Image",
    "VideoObject": "Audiovisual",
    "Book": "Book",
    "PresentationDigitalDocument": "Presentation",
    "Thesis": "Dissertation",
    "Collection": "Collection",
}
_RELATIONS = {"citation": "References", "isBasedOn": "IsDerivedFrom", "isPartOf": "IsPartOf"}
_RELATIONS |= {"hasPart": "HasPart", "sameAs": "IsIdenticalTo"}


def read(page: dict[str, Raw], notes: Notes, mapping_version: int) -> Record:
    """Take a record's fields out of schema.org text."""
    take = page.pop
    own, address = take("identifier", None), take("url", None)
    doi = notes.clean(identifiers.doi, own if isinstance(own, str) else page.get("@id"))
    recid = shapes.number_in(address if isinstance(address, str) else None) or shapes.number_in(doi)
    if recid is None:
        raise BadRecord("schema.org text that names no Zenodo record")
    helpers = (
        parts.contributor(person, None)
        for person in _people(take("contributor", take("editor", None)), notes)
    )
    entries = [(str(each.get("contentUrl", "")), each) for each in mappings(take("distribution", None))]
    files = facts.files_of(recid, ((url.rpartition("/")[2], None, None) for url, _ in entries if url))
    language = take("inLanguage", None)
    spoken = language.get("alternateName") if isinstance(language, dict) else language
    related = [
        parts.related(relation, entry.get("@id") if isinstance(entry, dict) else entry)
        for name, relation in _RELATIONS.items()
        for entry in listed(take(name, None))
    ]
    grants = (_grant(entry, notes) for entry in mappings(take("funding", None)))
    return Record(
        id=f"zenodo:{recid}",
        source="zenodo",
        kind=_KINDS.get(str(take("@type", None)), "Other"),
        title=notes.clean(text.line_from_html, take("name", None)),
        description=notes.clean(text.from_html, take("description", None)),
        language=notes.clean(text.line, spoken),
        version=notes.clean(text.line, take("version", None)),
        identifiers=facts.own(recid, doi, None, None),
        doi=doi,
        creators=_people(take("creator", None), notes),
        contributors=tuple(filter(None, helpers)),
        publisher="Zenodo",
        dates=Dates(
            published=notes.clean(dates.day, take("datePublished", None)),
            created=notes.clean(dates.clean, take("dateCreated", None)),
            modified=notes.clean(dates.clean, take("dateModified", None)),
        ),
        license=parts.license_(notes, None, take("license", None)),
        keywords=notes.clean_all(text.line, _keywords(take("keywords", None))),
        funding=tuple(filter(None, grants)),
        related=tuple(found for found in related if found and found.id != doi),
        files=files,
        links=facts.links_of(recid, files, open_=bool(entries)),
        mapping_version=mapping_version,
    )


def _grant(entry: dict[str, Raw], notes: Notes) -> Funding | None:
    funder = entry.get("funder") or {}
    return parts.funding(
        notes,
        evidence="schema.org funding",
        funder=funder.get("name"),
        funder_id=funder.get("@id"),
        award=entry.get("identifier"),
        title=entry.get("name"),
    )


def _people(raw: Raw, notes: Notes) -> tuple[Creator, ...]:
    found = []
    for entry in mappings(raw):
        said, id_ = entry.pop("affiliation", None), entry.pop("@id", None)
        where = (
            parts.affiliation(
                notes,
                each.get("name") if isinstance(each, dict) else each,
                each.get("@id") if isinstance(each, dict) else None,
            )
            for each in listed(said)
        )
        found.append(
            parts.creator(
                notes,
                entry.pop("name", None),
                given=entry.pop("givenName", None),
                family=entry.pop("familyName", None),
                orcid=id_ if "orcid.org" in str(id_) else None,
                affiliations=filter(None, where),
            )
        )
    return tuple(filter(None, found))


def _keywords(raw: Raw) -> list[Raw]:
    """Read keywords: a list before October 2023, one string with commas since."""
    return [said.strip() for said in raw.split(",")] if isinstance(raw, str) else listed(raw)
