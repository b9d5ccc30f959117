"""A record as schema.org JSON-LD, as dataset search engines read it.

Follows Google's dataset guidelines and Bioschemas Dataset 1.0 (both seen 2026): `identifier`, `creator`
with ORCID, `license` as address, `measurementTechnique`, `taxonomicRange`, `isBasedOn`, `citation`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from api.formats import DOI_URL, ORCID_URL, ROR_URL, SPDX_URL, term_url
from index.record import Creator, File, Funding, Publication, Record, Term

Node: TypeAlias = dict[str, Any]  # JSON-LD

TYPES = {
    "Dataset": "Dataset",
    "Image": "ImageObject",
    "Software": "SoftwareSourceCode",
    "Audiovisual": "VideoObject",
    "Collection": "Collection",
    "JournalArticle": "ScholarlyArticle",
    "Preprint": "ScholarlyArticle",
}
"""DataCite resourceTypeGeneral to schema.org; what is not here is a CreativeWork."""


def write(record: Record, base: str) -> Node:
    """Write one record; empty properties are left out."""
    node: Node = {
        "@context": "https://schema.org/",
        "@type": TYPES.get(record.kind, "CreativeWork"),
        "@id": f"{DOI_URL}{record.doi}" if record.doi else f"{base}/records/{record.id}",
        "name": record.title,
        "description": record.description,
        "url": record.links.landing,
        "identifier": [_identifier(i.scheme, i.value) for i in record.identifiers],
        "sameAs": record.links.landing,
        "creator": [_person(creator) for creator in record.creators],
        "contributor": [_person(contributor) for contributor in record.contributors],
        "publisher": {"@type": "Organization", "name": record.publisher} if record.publisher else None,
        "datePublished": record.dates.published,
        "dateCreated": record.dates.created,
        "dateModified": record.dates.modified,
        "version": record.version,
        "inLanguage": record.language,
        "license": _license(record),
        "isAccessibleForFree": {"open": True, "closed": False}.get(record.access),
        "keywords": [*record.keywords, *(subject.label for subject in record.subjects)],
        "measurementTechnique": [_term(term) for term in record.imaging_methods],
        "taxonomicRange": [_term(term) for term in record.organisms],
        "funding": [_grant(grant) for grant in record.funding],
        "citation": [_paper(paper) for paper in record.publications],
        "thumbnailUrl": record.links.thumbnail,
        "distribution": _distributions(record),
        "includedInDataCatalog": {"@type": "DataCatalog", "name": "Headwater", "url": f"{base}/"},
    }
    return spare(node)


def spare(node: Node) -> Node:
    """Leave out what is not known; what is false is known."""
    return {key: value for key, value in node.items() if value or value is False}


def _identifier(scheme: str, value: str) -> Node:
    node = {"@type": "PropertyValue", "propertyID": scheme, "value": value}
    return node | ({"url": DOI_URL + value} if scheme == "doi" else {})


def _person(person: Creator) -> Node:
    return spare(
        {
            "@type": "Person" if person.family or person.orcid else "Thing",
            "@id": ORCID_URL + person.orcid if person.orcid else None,
            "name": person.name,
            "givenName": person.given,
            "familyName": person.family,
            "affiliation": [
                spare({"@type": "Organization", "name": place.name, "@id": place.ror and ROR_URL + place.ror})
                for place in person.affiliations
            ],
        }
    )


def _license(record: Record) -> str | None:
    if record.license is None:
        return None
    if record.license.spdx:
        return record.license.url or f"{SPDX_URL}{record.license.spdx}"
    return record.license.url or record.license.name


def _term(term: Term) -> Node:
    id_ = term_url(term.id) if term.id else None
    return spare({"@type": "DefinedTerm", "@id": id_, "name": term.label})


def _grant(grant: Funding) -> Node:
    funder = spare(
        {
            "@type": "Organization",
            "@id": ROR_URL + grant.ror if grant.ror else grant.funder_doi and DOI_URL + grant.funder_doi,
            "name": grant.funder,
        }
    )
    return spare(
        {"@type": "Grant", "identifier": grant.award, "name": grant.title, "url": grant.url, "funder": funder}
    )


def _paper(paper: Publication) -> Node:
    return spare(
        {
            "@type": "ScholarlyArticle",
            "@id": DOI_URL + paper.doi if paper.doi else None,
            "name": paper.title,
            "identifier": paper.pmid and f"pmid:{paper.pmid}",
        }
    )


def _distributions(record: Record) -> list[Node]:
    listed = [_file(file) for file in record.files.listed]
    if listed or record.links.download is None:
        return listed
    size = record.files.bytes
    return [
        spare(
            {
                "@type": "DataDownload",
                "contentUrl": record.links.download,
                "contentSize": f"{size} B" if size else None,
                "encodingFormat": list(record.files.formats),
            }
        )
    ]


def _file(file: File) -> Node:
    size = f"{file.bytes} B" if file.bytes else None
    return spare(
        {
            "@type": "DataDownload",
            "name": file.name,
            "contentUrl": file.url,
            "contentSize": size,
            "encodingFormat": file.format,
        }
    )
