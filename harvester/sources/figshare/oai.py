"""One record of figshare's OAI-PMH to a record: oai_datacite, Dublin Core in four dresses, and RDF.

An item is the newest version of an article; its datestamp is when it was published. Creators carry the
number of their account ("Anthony W. Purcell (105036)"), titles and descriptions carry HTML, and on a
publisher's portal the identifier may be the paper's DOI (figshare's documentation, 2016).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, because
from harvester.protocols import datacite_xml, dublin_core, oaipmh
from harvester.protocols.xml import local, parse_xml, said_in
from harvester.sources.figshare.article import DETAILS, KINDS, PAGE, concept_of, host_name
from harvester.sources.figshare.shapes import oai_number
from index.record import Contributor, Dates, Files, Funding, Links, Record, Related, Withdrawal
from index.values import dates, identifiers, text

_OF_A_DEGREE = because(
    "uketd_dc describes theses; this says where and for which degree",
    "department", "qualificationname", "qualificationlevel", "commercial", "embargotype", "embargodate",
)  # fmt: skip
IGNORED = {f"uketddc:uketddc/{name}": why for name, why in _OF_A_DEGREE.items()}
IGNORED |= datacite_xml.IGNORED | dublin_core.IGNORED
IGNORED |= because(
    "the header tells the day and the sets tell the type; used where they do not",
    "RDF:RDF/Image/datePublished", "datacite:publicationYear", "datacite:resourceType", "dc:dc/type",
    "uketddc:uketddc/issued", "uketddc:uketddc/type",
)  # fmt: skip
IGNORED |= because(
    "sets of types and categories: the types are taken, the categories are numbers without names",
    "datacite:header/setSpec", "dc:header/setSpec",
)  # fmt: skip
IGNORED |= because("counted as a file; METS names no file", "mets:mets/fileSec")
_DUBLIN_CORE = {"dc", "qualifieddc", "qdc", "uketddc"}
_FILE = "https://ndownloader.figshare.com/files/"
_PART_OF_A_PAPER = re.compile(r"\.(?:[gst]|sd)\d{3}$")
"""PLOS gives figures, supplements and tables DOIs of their own: 10.1371/journal.pone.0008619.g004."""


def read(body: bytes, notes: Notes) -> tuple[Record, tuple[str, ...]]:
    """Map one <record>; answer it with the names of elements nobody took."""
    found = oaipmh.record_of(body)
    number = oai_number(found.identifier)
    if number is None:
        raise BadRecord(f"no article's number in {found.identifier!r}")
    if found.deleted:
        return _tombstone(number, found.datestamp), ()
    payload = oaipmh.payload_of(parse_xml(found.xml))
    if payload is None:
        raise BadRecord("an OAI-PMH record without metadata")
    fields, unmapped = _fields_of(payload, notes)
    fields |= {
        "files": _files(payload, fields["files"]),
        "version": fields.get("version") or _version(payload),
    }
    _settle_kind(fields, found.sets)
    _settle_doi(fields, number, notes)
    fields["dates"] = _dates(fields.get("dates", Dates()), found.datestamp)
    address = _settle_address(fields, number)
    record = Record(
        **fields
        | {
            "id": f"figshare:{number}",
            "source": "figshare",
            "concept_doi": fields.get("concept_doi") or concept_of(fields["doi"]),
            "publisher": fields.get("publisher") or host_name(address),
            "links": Links(landing=address, api=DETAILS.format(number)),
            "upstream_modified": found.datestamp or None,
        }
    )
    return record, tuple(name for name in unmapped if name not in _OF_A_DEGREE)


def tombstone_of(datestamp: str) -> Withdrawal:
    """Read a deleted header."""
    return Withdrawal(date=dates.day(datestamp)[0], reason="deleted, by the OAI-PMH provider's word")


def _tombstone(number: str, datestamp: str) -> Record:
    return Record(
        id=f"figshare:{number}",
        source="figshare",
        kind="Other",
        identifiers=parts.own_identifiers(("figshare", number)),
        withdrawn=tombstone_of(datestamp),
        links=Links(landing=PAGE.format(number), api=DETAILS.format(number)),
        upstream_modified=datestamp or None,
    )


def _fields_of(payload: etree._Element, notes: Notes) -> tuple[dict[str, Raw], tuple[str, ...]]:
    name = local(payload)
    if name in {"oai_datacite", "resource"}:
        return datacite_xml.fields_of(payload, notes)
    if name == "RDF":
        return _of_rdf(payload, notes), ()
    if name == "mets":
        payload = next((part for part in payload.iter() if local(part) == "xmlData"), payload)
    elif name not in _DUBLIN_CORE:
        raise BadRecord(f"OAI-PMH metadata in <{name}>, which this source does not read")
    fields, unmapped = dublin_core.fields_of(payload, notes)
    fields["funding"] = (*fields["funding"], *_sponsors(payload, notes))
    fields["contributors"] = (*fields["contributors"], *_advisors(payload, notes))
    fields["publisher"] = fields["publisher"] or next(_said(payload, "institution"), None)
    return fields, tuple(name for name in unmapped if name not in _OF_THESES)


_OF_THESES = {"sponsor", "grantnumber", "advisor", "institution"}


def _of_rdf(root: etree._Element, notes: Notes) -> dict[str, Raw]:
    """Read what RDF says of the article itself; people stand in nodes of their own, without an order."""
    article = next((node for node in root if any(local(child) == "label" for child in node)), None)
    if article is None:
        raise BadRecord("RDF without a labeled article")
    days = {local(child): _day_in(child) for child in article if local(child).startswith("date")}
    doi = notes.clean(identifiers.doi, next(_said(article, "doi"), None))
    return {
        "title": notes.clean(text.line_from_html, next(_said(article, "label"), None)),
        "description": notes.clean(text.from_html, next(_said(article, "abstract"), None)),
        "doi": doi,
        "identifiers": parts.own_identifiers(("doi", doi)),
        "dates": Dates(
            published=days.get("datePublished"),
            created=days.get("dateCreated"),
            modified=days.get("dateModified"),
        ),
        "keywords": notes.clean_all(text.line, _said(article, "freetextKeyword")),
        "license": parts.license_(notes, next(_said(article, "rights"), None)),
        "related": tuple(filter(None, [parts.related("References", _about(article))])),
        "files": Files(),
    }


def _day_in(element: etree._Element) -> str | None:
    address = next((value for name, value in element.attrib.items() if str(name).endswith("resource")), "")
    match = re.search(r"date(\d{4}-\d{2}-\d{2})$", str(address))
    return dates.day(match[1])[0] if match else None


def _about(element: etree._Element) -> str | None:
    return next((str(value) for name, value in element.attrib.items() if str(name).endswith("about")), None)


def _said(container: etree._Element, name: str) -> Iterator[str]:
    for element in container:
        if local(element) == name and (said := said_in(element)):
            yield said


def _sponsors(payload: etree._Element, notes: Notes) -> Iterator[Funding]:
    """Pair sponsors with grant numbers by place, as uketd_dc lists them; "0" stands for none."""
    awards = list(_said(payload, "grantnumber"))
    for place, sponsor in enumerate(_said(payload, "sponsor")):
        award = awards[place] if place < len(awards) else None
        if grant := parts.funding(notes, evidence="uketd_dc sponsor", funder=sponsor, award=award):
            yield grant


def _advisors(payload: etree._Element, notes: Notes) -> Iterator[Contributor]:
    for name in _said(payload, "advisor"):
        if found := parts.contributor(parts.creator(notes, name), "Supervisor"):
            yield found


def _version(payload: etree._Element) -> str | None:
    said = (said_in(part) or "" for part in payload.iter() if local(part) == "hasVersion")
    return next((version for version in said if version.isdigit()), None)


def _files(payload: etree._Element, known: Files) -> Files:
    """Count the files METS and qualified Dublin Core point at; their names are not told."""
    parts_ = {said for part in payload.iter() if (said := said_in(part) or "").startswith(_FILE)}
    return known.model_copy(update={"count": known.count or len(parts_)}) if parts_ else known


def _settle_kind(fields: dict[str, Raw], sets: tuple[str, ...]) -> None:
    """Believe the set's item type before the metadata's coarser word."""
    numbers = [name.removeprefix("item_type_") for name in sets if name.startswith("item_type_")]
    kinds = [KINDS[int(number)][0] for number in numbers if number.isdigit() and int(number) in KINDS]
    fields["kind"] = next(iter(kinds), fields.get("kind", "Other"))


def _dates(told: Dates, datestamp: str) -> Dates:
    """Fill in the day of publication, which the datestamp is, where the metadata tells a year or nothing."""
    day = dates.day(datestamp)[0]
    unclear = told.published is None or (day or "").startswith(told.published)
    return told.model_copy(update={"published": day}) if day and unclear else told


def _settle_doi(fields: dict[str, Raw], number: str, notes: Notes) -> None:
    """Tell the article's own DOI from the paper's."""
    doi = fields["doi"]
    own = doi is not None and (
        number in doi
        or "figshare" in doi
        or doi.startswith("10.5281/")
        or _PART_OF_A_PAPER.search(doi)
        or fields["kind"] not in {"Dataset", "Image", "Audiovisual", "Software", "Model"}
    )
    kept = [(each.scheme, each.value) for each in fields["identifiers"] if own or each.value != doi]
    kept = [(scheme, value) for scheme, value in kept if not value.startswith(_FILE)]
    fields["identifiers"] = parts.own_identifiers(("figshare", number), *kept)
    if doi is not None and not own:
        notes.found.append(("doi: the paper's, not the data set's", doi))
        paper = parts.publication(notes, doi=doi)
        papers = [each for each in fields.get("publications", ()) if each.doi != doi]
        fields |= {"doi": None, "publications": (*filter(None, [paper]), *papers)}


def _settle_address(fields: dict[str, Raw], number: str) -> str:
    """Take the article's own page, and its files, out of the relations."""
    related: list[Related] = [each for each in fields["related"] if not each.id.startswith(_FILE)]
    pages = [
        each for each in related if "/articles/" in each.id and re.search(rf"/{number}(?:/\d+)?$", each.id)
    ]
    fields["related"] = tuple(each for each in related if each not in pages)
    return "https://" + pages[0].id.partition("://")[2] if pages else PAGE.format(number)
