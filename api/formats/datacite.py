"""A record as DataCite JSON, kernel 4.5 (the published kernel and its JSON schema, seen 2026).

DataCite requires a creator, a title and a publisher, and has codes for unknown ones (`:unkn`, `:unav`); it
has none for a year nobody stated, which is left out rather than invented. Relations and schemes that
DataCite does not have are left out; ndjson has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import orjson

from api.formats import ORCID_URL, ROR_URL, term_url
from index.record import Json

Node: TypeAlias = dict[str, Any]  # JSON

SCHEMES = {
    "ark": "ARK", "arxiv": "arXiv", "bibcode": "bibcode", "doi": "DOI", "handle": "Handle", "igsn": "IGSN",
    "isbn": "ISBN", "issn": "ISSN", "lsid": "LSID", "pmid": "PMID", "purl": "PURL", "url": "URL",
    "urn": "URN", "w3id": "w3id",
}  # fmt: skip
"""Our schemes that are relatedIdentifierTypes."""

RELATIONS = frozenset(
    f"{kind}{end}"
    for kind, ends in {
        "": ("Cites", "Collects", "Continues", "Describes", "Documents", "Compiles", "Reviews", "Requires",
             "Obsoletes", "References", "HasMetadata", "HasVersion", "HasPart"),
        "Is": ("CitedBy", "CollectedBy", "SupplementTo", "SupplementedBy", "ContinuedBy", "DescribedBy",
               "MetadataFor", "VersionOf", "NewVersionOf", "PreviousVersionOf", "PartOf", "PublishedIn",
               "ReferencedBy", "DocumentedBy", "CompiledBy", "VariantFormOf", "OriginalFormOf", "IdenticalTo",
               "ReviewedBy", "DerivedFrom", "SourceOf", "RequiredBy", "ObsoletedBy"),
    }.items()
    for end in ends
)  # fmt: skip

KINDS = frozenset({
    "Audiovisual", "Book", "BookChapter", "Collection", "ComputationalNotebook", "ConferencePaper",
    "ConferenceProceeding", "DataPaper", "Dataset", "Dissertation", "Event", "Image", "Instrument",
    "InteractiveResource", "Journal", "JournalArticle", "Model", "OutputManagementPlan", "PeerReview",
    "PhysicalObject", "Preprint", "Report", "Service", "Software", "Sound", "Standard", "StudyRegistration",
    "Text", "Workflow", "Other",
})  # fmt: skip

ROLES = frozenset({
    "ContactPerson", "DataCollector", "DataCurator", "DataManager", "Distributor", "Editor",
    "HostingInstitution", "Producer", "ProjectLeader", "ProjectManager", "ProjectMember",
    "RegistrationAgency", "RegistrationAuthority", "RelatedPerson", "Researcher", "ResearchGroup",
    "RightsHolder", "Sponsor",
    "Supervisor", "WorkPackageLeader",
})  # fmt: skip


def line(record: Json) -> bytes:
    """Write one document in a line; what is not known is left out."""
    dates, files = record.get("dates") or {}, record.get("files") or {}
    published, kind = dates.get("published"), record.get("kind", "Dataset")
    node: Node = {
        "doi": record.get("doi"),
        "url": (record.get("links") or {}).get("landing"),
        "types": {"resourceType": kind, "resourceTypeGeneral": kind if kind in KINDS else "Other"},
        "creators": [_person(person) for person in record.get("creators", ())] or [{"name": ":unkn"}],
        "titles": [{"title": record.get("title") or ":unav"}],
        "publisher": {"name": record.get("publisher") or ":unkn"},
        "publicationYear": published[:4] if published else None,
        "subjects": _unique(_subjects(record)),
        "contributors": [
            {**_person(person), "contributorType": person["role"] if person.get("role") in ROLES else "Other"}
            for person in record.get("contributors", ())
        ],
        "dates": _unique(_dates(record)),
        "language": record.get("language"),
        "alternateIdentifiers": _unique(_alternates(record)),
        "relatedIdentifiers": _unique(_related(record)),
        "sizes": [f"{files['bytes']} bytes"] if files.get("bytes") else [],
        "formats": files.get("formats"),
        "version": record.get("version"),
        "rightsList": _unique(
            _rights(each) for each in (record.get("license"), *record.get("rights", ())) if each
        ),
        "descriptions": _described(record.get("description")),
        "fundingReferences": _unique(
            _grant(grant) for grant in record.get("funding", ()) if grant.get("funder")
        ),
        "schemaVersion": "http://datacite.org/schema/kernel-4",
    }
    return orjson.dumps(_spare(node)) + b"\n"


def _spare(node: Node) -> Node:
    return {name: value for name, value in node.items() if value}


def _unique(nodes: Iterable[Node]) -> list[Node]:
    found = list(nodes)
    return list({orjson.dumps(node): node for node in found}.values()) if found[1:] else found


def _described(text: str | None) -> list[Node]:
    return [{"description": text, "descriptionType": "Abstract"}] if text else []


def _person(person: Json) -> Node:
    orcid: str | None = person.get("orcid")
    return _spare(
        {
            "name": person["name"],
            "nameType": "Personal" if person.get("family") or orcid else None,
            "givenName": person.get("given"),
            "familyName": person.get("family"),
            "nameIdentifiers": [_orcid(orcid)] if orcid else [],
            "affiliation": _unique(_place(place) for place in person.get("affiliations", ())),
        }
    )


def _orcid(orcid: str) -> Node:
    site = ORCID_URL.rstrip("/")
    return {"nameIdentifier": ORCID_URL + orcid, "nameIdentifierScheme": "ORCID", "schemeUri": site}


def _place(place: Json) -> Node:
    if not place.get("ror"):
        return {"name": place["name"]}
    id_ = ROR_URL + place["ror"]
    return {"name": place["name"], "affiliationIdentifier": id_, "affiliationIdentifierScheme": "ROR"}


def _subjects(record: Json) -> Iterator[Node]:
    yield from ({"subject": word} for word in record.get("keywords", ()))
    for subject in record.get("subjects", ()):
        yield _spare({"subject": subject["label"], "subjectScheme": subject.get("scheme")})
    for scheme, name in (("NCBITaxon", "organisms"), ("FBbi", "imaging_methods")):
        for term in record.get(name, ()):
            id_ = term.get("id")
            yield {
                "subject": term["label"],
                **({"subjectScheme": scheme, "valueUri": term_url(id_)} if id_ else {}),
            }


def _dates(record: Json) -> Iterator[Node]:
    dates = record.get("dates") or {}
    names = {"published": "Issued", "created": "Created", "modified": "Updated", "available": "Available"}
    stated = [(dates.get(name), kind) for name, kind in names.items()]
    stated.append(((record.get("withdrawn") or {}).get("date"), "Withdrawn"))
    yield from ({"date": date, "dateType": kind} for date, kind in stated if date)


def _alternates(record: Json) -> Iterator[Node]:
    yield {"alternateIdentifier": record["id"], "alternateIdentifierType": "Headwater"}
    for identifier in record.get("identifiers", ()):
        if identifier["value"] != record.get("doi"):
            yield {
                "alternateIdentifier": identifier["value"],
                "alternateIdentifierType": identifier["scheme"],
            }


def _related(record: Json) -> Iterator[Node]:
    if record.get("concept_doi"):
        yield _relation("IsVersionOf", "DOI", record["concept_doi"])
    for other in record.get("related", ()):
        kind = SCHEMES.get((other.get("scheme") or "").lower())
        if kind and other["relation"] in RELATIONS:
            yield _relation(other["relation"], kind, other["id"])
    for paper in record.get("publications", ()):
        kind = next((scheme for scheme in ("doi", "pmid") if paper.get(scheme)), None)
        if kind:
            yield _relation("IsSupplementTo", SCHEMES[kind], paper[kind])


def _relation(relation: str, kind: str, id_: str) -> Node:
    return {"relatedIdentifier": id_, "relatedIdentifierType": kind, "relationType": relation}


def _rights(license_: Json) -> Node:
    spdx = license_.get("spdx")
    return _spare(
        {
            "rights": license_.get("name") or spdx,
            "rightsUri": license_.get("url"),
            "rightsIdentifier": spdx,
            "rightsIdentifierScheme": "SPDX" if spdx else None,
        }
    )


def _grant(grant: Json) -> Node:
    id_ = grant.get("ror") or grant.get("funder_doi")
    kind = "ROR" if grant.get("ror") else "Crossref Funder ID"
    return _spare(
        {
            "funderName": grant["funder"],
            "funderIdentifier": ROR_URL + grant["ror"] if grant.get("ror") else grant.get("funder_doi"),
            "funderIdentifierType": kind if id_ else None,
            "awardNumber": grant.get("award"),
            "awardUri": grant.get("url"),
            "awardTitle": grant.get("title"),
        }
    )
