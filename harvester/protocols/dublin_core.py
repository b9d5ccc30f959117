"""Dublin Core in XML, simple (oai_dc) and qualified (qdc), to the fields of a record.

Elements are told by their local names: Figshare writes the simple terms in the namespace of the qualified
ones (its documentation, 2016). Values are told by their form, since Dublin Core has no attributes: a DOI, an
address, an info:eu-repo term of OpenAIRE, "Issued: 2018-01-18" (DataCite's own provider, 2019).
"""

from __future__ import annotations

import html
import re
from collections import defaultdict

from lxml import etree

from harvester import parts
from harvester.fields import Notes, Raw, because
from harvester.protocols.xml import local, said_in
from index.record import Dates, Files, Funding, License, Publication, Related
from index.values import dates, formats, identifiers, licenses, sizes, text

_KINDS = {
    "dataset": "Dataset",
    "image": "Image",
    "stillimage": "Image",
    "movingimage": "Audiovisual",
    "video": "Audiovisual",
    "sound": "Sound",
    "software": "Software",
    "collection": "Collection",
    "interactiveresource": "InteractiveResource",
    "physicalobject": "PhysicalObject",
    "service": "Service",
    "event": "Event",
    "model": "Model",
    "text": "Text",
    "article": "JournalArticle",
    "preprint": "Preprint",
    "workingpaper": "Preprint",
    "book": "Book",
    "bookpart": "BookChapter",
    "conferencepaper": "ConferencePaper",
    "conferenceobject": "ConferencePaper",
    "conferenceposter": "Text",
    "conferenceproceedings": "ConferenceProceeding",
    "report": "Report",
    "technicaldocumentation": "Report",
    "doctoralthesis": "Dissertation",
    "masterthesis": "Dissertation",
    "bachelorthesis": "Dissertation",
    "lecture": "Text",
    "patent": "Text",
    "annotation": "Text",
    "figure": "Image",
    "fileset": "Dataset",
}
"""DCMI types, info:eu-repo terms and Figshare's words, to DataCite's resourceTypeGeneral."""

_RELATIONS = {
    "relation": "References",  # the weakest of DataCite's relations: Dublin Core names none
    "references": "References",
    "source": "IsDerivedFrom",
    "isPartOf": "IsPartOf",
    "hasPart": "HasPart",
    "isVersionOf": "IsVersionOf",
    "hasVersion": "HasVersion",
    "isReferencedBy": "IsReferencedBy",
    "isReplacedBy": "IsObsoletedBy",
    "replaces": "Obsoletes",
    "isRequiredBy": "IsRequiredBy",
    "requires": "Requires",
    "isFormatOf": "IsVariantFormOf",
    "hasFormat": "IsOriginalFormOf",
    "conformsTo": "References",
}
_IGNORED = (
    because("places and periods: a record has neither", "coverage", "spatial", "temporal")
    | because("other titles; one serves where there is no title", "alternative")
    | because("composed of the other fields", "bibliographicCitation")
    | because("whom it is for", "audience")
    | because("how the description came about", "provenance")
    | because("a record names the license, not who grants it", "rightsHolder")
)
_FORMS = ("dc", "qdc", "qualifieddc")
IGNORED = {f"{form}:{form}/{name}": why for name, why in _IGNORED.items() for form in _FORMS}
IGNORED |= because(
    "where the rules of the format stand", *(f"{form}:{form}@schemaLocation" for form in _FORMS)
)
_DATES = {"date": "Issued", "issued": "Issued", "created": "Created", "dateSubmitted": "Created"}
_DATES |= {"modified": "Updated", "available": "Available"}
_DESCRIBE = {"abstract": 0, "description": 1, "tableOfContents": 2}

_LABELED_DATE = re.compile(r"(Issued|Created|Updated|Available|Submitted)\s*:\s*(\S+)")
_EMBARGO = "info:eu-repo/date/embargoEnd/"
_GRANT = re.compile(r"info:eu-repo/grantAgreement/(?P<funder>[^/]+)/(?P<program>[^/]*)/(?P<award>[^/]+)")
_ESCAPED_TAG = re.compile(r"&lt;/?[a-z]")
_POINTER = re.compile(r"(?:https?://|doi:|urn:|hdl:|pmid:|arxiv:|10\.\d{4,9}/)\S+", re.IGNORECASE)

_TAKEN = {"title", "creator", "contributor", "subject", "publisher", "identifier", "language", "type"}
_TAKEN |= {"format", "medium", "extent", "rights", "license", "accessRights"}
_KNOWN = _TAKEN | _IGNORED.keys() | _RELATIONS.keys() | _DATES.keys() | _DESCRIBE.keys()


def fields_of(container: etree._Element, notes: Notes) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """Map the element that holds the terms to keyword arguments for a Record.

    Returns:
        The arguments, and the names of terms nobody took.
    """
    said: defaultdict[str, list[str]] = defaultdict(list)
    for element in container:
        if value := said_in(element):
            said[local(element)].append(value)
    own = [_own(value) for value in said["identifier"]]
    doi = next((value for scheme, value in own if scheme == "doi"), None)
    found_rights, access = _rights([*said["rights"], *said["license"], *said["accessRights"]], notes)
    related, publications, grants = _relations(said, notes)
    titles = said["title"] or said["alternative"]
    people = (parts.creator(notes, name) for name in said["creator"])
    helpers = (parts.contributor(parts.creator(notes, name), None) for name in said["contributor"])
    fields = {
        "kind": _kind(said["type"]),
        "title": notes.clean(text.line_from_html, titles[0]) if titles else None,
        "description": _description(said, notes),
        "language": next(iter(said["language"]), None),
        "identifiers": parts.own_identifiers(*own),
        "doi": doi,
        "creators": tuple(filter(None, people)),
        "contributors": tuple(filter(None, helpers)),
        "publisher": notes.clean(text.line, next(iter(said["publisher"]), None)),
        "dates": _dates(said, notes),
        "license": found_rights[0] if found_rights else None,
        "rights": tuple(found_rights[1:]),
        "access": access,
        "keywords": notes.clean_all(text.line_from_html, said["subject"]),
        "funding": tuple(dict.fromkeys(grants)),
        "related": tuple(dict.fromkeys(related)),
        "publications": tuple(dict.fromkeys(publications)),
        "files": _files([*said["format"], *said["medium"], *said["extent"]]),
    }
    return fields, tuple(name for name in said if said[name] and name not in _KNOWN)


def grant_of(said: str | None) -> dict[str, str]:
    """Read OpenAIRE's "info:eu-repo/grantAgreement/EC/FP7/283595/": the funder's code and the award."""
    match = _GRANT.match(said or "")
    return {"funder": match["funder"], "award": match["award"]} if match else {}


def _own(value: str) -> tuple[str, str | None]:
    doi = identifiers.doi(value)[0]
    if doi is not None:
        return "doi", doi
    scheme = re.match(r"(https?|[a-z]{2,12}):", value, re.IGNORECASE)
    if scheme is None:
        return "other", value
    name = scheme[1].lower()
    if name == "doi":  # a test DOI, or none at all
        return name, None
    return ("url", value) if name in {"http", "https"} else (name, value)


def _kind(types: list[str]) -> str:
    """Believe the most telling type: lists run from the general ("Text") to the special ("Article")."""
    words = [re.sub(r"[^a-z]", "", said.rsplit("/", 1)[-1].rsplit(":", 1)[-1].lower()) for said in types]
    found = [_KINDS[word] for word in words if word in _KINDS]
    return next((kind for kind in found if kind != "Text"), found[0] if found else "Other")


def _description(said: dict[str, list[str]], notes: Notes) -> str | None:
    texts = []
    for term in _DESCRIBE:
        for value in said[term]:
            # Zenodo escapes the HTML of descriptions twice (seen 2023 to 2026); the parser undid one layer.
            whole = html.unescape(value) if _ESCAPED_TAG.search(value) else value
            texts.append(notes.clean(text.from_html, whole))
    return "\n".join(dict.fromkeys(filter(None, texts))) or None


def _dates(said: dict[str, list[str]], notes: Notes) -> Dates:
    when: dict[str, str] = {}
    for term, meaning in _DATES.items():
        for value in said[term]:
            if value.startswith(_EMBARGO):
                when.setdefault("Available", value.removeprefix(_EMBARGO))
            elif labeled := _LABELED_DATE.fullmatch(value):
                when[labeled[1]] = labeled[2]
            else:
                when.setdefault(meaning, value)
    available = when.get("Available")
    return Dates(
        published=notes.clean(dates.day, when.get("Issued") or available),
        created=notes.clean(dates.clean, when.get("Created") or when.get("Submitted")),
        modified=notes.clean(dates.clean, when.get("Updated")),
        available=notes.keep(dates.day(available, embargo=True), available),
    )


def _rights(said: list[str], notes: Notes) -> tuple[list[License], str]:
    """Join a license's name with its address, which stands in the next element; access stands apart."""
    access, found = "unknown", []
    waiting: str | None = None
    for value in [*said, None]:
        term = licenses.access(value)
        if value is not None and (term is not None or value.lower() in {"open access", "public"}):
            access = term or "open"
            continue
        url = value if value and value.lower().startswith(("http://", "https://")) else None
        if waiting is not None or url is not None:
            found.append(parts.license_(notes, waiting, url))
        waiting = None if url else value
    by_trust = sorted(filter(None, found), key=lambda license_: license_.spdx is None)
    return list(dict.fromkeys(by_trust)), access


def _relations(
    said: dict[str, list[str]], notes: Notes
) -> tuple[list[Related], list[Publication], list[Funding]]:
    related, publications, grants = [], [], []
    for term, relation in _RELATIONS.items():
        for value in said[term]:
            if grant := grant_of(value):
                grants.append(parts.funding(notes, evidence="dc:relation grantAgreement", **grant))
            elif _POINTER.fullmatch(value) and (found := parts.related(relation, value)):
                related.append(found)
                publications.append(parts.paper(notes, found))
    return related, list(filter(None, publications)), list(filter(None, grants))


def _files(said: list[str]) -> Files:
    total, kinds = 0, []
    for value in said:
        size = None if value.isdigit() else sizes.clean(value)[0]
        if size is not None:
            total += size
        elif "/" in value or len(value) <= 12:
            kinds.append(formats.clean(value))
    return Files(bytes=total or None, formats=tuple(dict.fromkeys(filter(None, kinds))))
