"""DataCite metadata in XML, kernel 2 to 4, to the fields of a record.

Elements are told by their local names: providers write `<resource>`, `<default:resource>` and
`<datacite:resource>` with children in other namespaces or in none (all seen in B2FIND's collection, 2019 to
2025), bare or inside `<oai_datacite>`, whose `<payload>` some leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, because
from harvester.protocols import datacite_people as people
from harvester.protocols import datacite_words
from harvester.protocols.xml import local, said_in
from index.record import (
    Access,
    Contributor,
    Dates,
    Files,
    Funding,
    License,
    Part,
    Publication,
    Related,
    Subject,
)
from index.values import dates, formats, identifiers, licenses, sizes, text

Found = TypeVar("Found", bound=Part)

_IGNORED = because("a record has no place", "geoLocations")
IGNORED = {f"datacite:{name}": why for name, why in _IGNORED.items()}
IGNORED |= because(
    "where the rules of the format stand", "datacite:@schemaLocation", "datacite:schemaVersion"
)
IGNORED |= because("who registers the DOI", "datacite:datacentreSymbol")
IGNORED |= because("the day of issue wins; used where there is none", "datacite:publicationYear")
IGNORED |= because(
    "an identifier's own form tells what it is",
    "datacite:identifier@identifierType",
    "datacite:relatedIdentifiers/relatedIdentifier@relatedIdentifierType",
    "datacite:fundingReferences/fundingReference/funderIdentifier@funderIdentifierType",
    "datacite:creators/creator/affiliation@affiliationIdentifierScheme",
    "datacite:rightsList/rights@rightsIdentifierScheme",
    "datacite:rightsList/rights@rightsIdentifier",
)
_DESCRIPTIONS = ("Abstract", "Methods", "TechnicalInfo", "Other", "SeriesInformation", "TableOfContents")
"""In the order in which they stand in a record's description."""

_FILE_COUNT = re.compile(r"(\d{1,9}) files?", re.IGNORECASE)


def fields_of(resource: etree._Element, notes: Notes) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """Map a `<resource>`, bare or wrapped, to keyword arguments for a Record.

    Returns:
        The arguments, and the paths of elements nobody took.

    Raises:
        BadRecord: there is no `<resource>`.
    """
    reader = _Reader(notes)
    unmapped = []
    for child in resource_of(resource):
        name = local(child)
        take = _TAKERS.get(name)
        if take is not None:
            take(reader, child)
        elif name not in _IGNORED and (len(child) or said_in(child)):
            unmapped.append(name)
    return reader.fields(), tuple(dict.fromkeys(unmapped))


def resource_of(root: etree._Element) -> etree._Element:
    """Find the `<resource>` in it.

    Raises:
        BadRecord: there is none.
    """
    if local(root) == "resource":
        return root
    for child in root:
        name = local(child)
        if name == "resource":
            return child
        if name in {"payload", "metadata", "oai_datacite"}:
            return resource_of(child)
    raise BadRecord(f"<{local(root)}> without a DataCite <resource>")


@dataclass(slots=True)
class _Reader:
    """Collects the fields while the elements pass by."""

    notes: Notes
    taken: dict[str, Raw] = field(default_factory=dict)
    titles: list[tuple[bool, str]] = field(default_factory=list)
    own: list[tuple[str, str | None]] = field(default_factory=list)
    year: str | None = None
    when: dict[str, str] = field(default_factory=dict)
    rights: list[License] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    funding: list[Funding] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    descriptions: list[tuple[int, str]] = field(default_factory=list)
    bytes: int = 0
    count: int | None = None
    formats: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Raw]:
        """Answer what was collected, as keyword arguments for a Record."""
        notes, taken = self.notes, self.taken
        self.titles.sort(key=lambda title: title[0])
        governing = next((right for right in self.rights if right.spdx), None)
        governing = governing or next(iter(self.rights), None)
        doi = taken.get("doi") or next((value for scheme, value in self.own if scheme == "doi"), None)
        texts = [said for _, said in sorted(self.descriptions, key=lambda each: each[0])]
        return taken | {
            "kind": taken.get("kind", "Other"),
            "title": notes.clean(text.line_from_html, self.titles[0][1]) if self.titles else None,
            "description": "\n".join(dict.fromkeys(texts)) or None,
            "identifiers": parts.own_identifiers(*self.own),
            "doi": doi,
            "dates": self._dates(),
            "license": governing,
            "rights": _once([right for right in self.rights if right is not governing]),
            "keywords": notes.clean_all(text.line, self.keywords),
            "subjects": _once(self.subjects),
            "funding": _once(self.funding),
            "related": _once(self.related),
            "publications": _once(self.publications),
            "files": Files(
                count=self.count, bytes=self.bytes or None, formats=tuple(dict.fromkeys(self.formats))
            ),
        }

    def _dates(self) -> Dates:
        notes, when = self.notes, self.when
        issued = when.get("Issued") or self.year or when.get("Available")
        available = notes.keep(dates.day(when.get("Available"), embargo=True), when.get("Available"))
        return Dates(
            published=notes.clean(dates.day, issued),
            created=notes.clean(dates.clean, when.get("Created") or when.get("Submitted")),
            modified=notes.clean(dates.clean, when.get("Updated")),
            available=available,
        )

    def identifier(self, element: etree._Element) -> None:
        said = said_in(element)
        doi = identifiers.doi(said)[0]
        if doi is not None:
            self.taken["doi"] = doi
            self.own.insert(0, ("doi", doi))
        elif said:
            kind = element.get("identifierType") or "url"
            self.own.append((kind.lower(), said))

    def alternates(self, container: etree._Element) -> None:
        for element in container:
            said = said_in(element)
            kind = (element.get("alternateIdentifierType") or "other").strip().lower()
            self.own.append(("doi", identifiers.doi(said)[0]) if kind == "doi" else (kind, said))

    def creators(self, container: etree._Element) -> None:
        found = (people.person(element, self.notes) for element in container)
        self.taken["creators"] = tuple(filter(None, found))

    def contributors(self, container: etree._Element) -> None:
        found: list[Contributor] = []
        for element in container:
            role = datacite_words.role(element.get("contributorType"))
            if role == "Funder":  # kernel 3 had no better place
                self.funding += filter(None, [people.funder(element, self.notes)])
            elif contributor := parts.contributor(people.person(element, self.notes), role):
                found.append(contributor)
        self.taken["contributors"] = tuple(found)

    def title(self, container: etree._Element) -> None:
        for element in container:
            if said := said_in(element):
                self.titles.append((bool(element.get("titleType")), said))

    def publisher(self, element: etree._Element) -> None:
        self.taken["publisher"] = self.notes.clean(text.line, said_in(element))

    def publication_year(self, element: etree._Element) -> None:
        self.year = said_in(element)

    def subject(self, container: etree._Element) -> None:
        for element in container:
            said = said_in(element)
            scheme, id_ = element.get("subjectScheme"), element.get("valueURI")
            id_ = id_ or element.get("classificationCode")
            if said and not scheme and not id_:
                self.keywords.append(said)
            elif label := self.notes.clean(text.line, said or id_):
                self.subjects.append(Subject(label=label, scheme=scheme or None, id=id_ or None))

    def date(self, container: etree._Element) -> None:
        for element in container:
            if said := said_in(element):
                self.when.setdefault(element.get("dateType") or "", said)

    def language(self, element: etree._Element) -> None:
        self.taken["language"] = said_in(element)

    def resource_type(self, element: etree._Element) -> None:
        self.taken["kind"] = datacite_words.kind(element.get("resourceTypeGeneral") or said_in(element))

    def version(self, element: etree._Element) -> None:
        self.taken["version"] = self.notes.clean(text.line, said_in(element))

    def right(self, container: etree._Element) -> None:
        for element in container:
            self.one_right(element)

    def one_right(self, element: etree._Element) -> None:
        said, url, id_ = said_in(element), element.get("rightsURI"), element.get("rightsIdentifier")
        access: Access | None = licenses.access(url) or licenses.access(said)
        if access is not None:
            self.taken["access"] = access
            return
        found = parts.license_(self.notes, said, url, id_=id_)
        if found is not None:
            self.rights.append(found)

    def description(self, container: etree._Element) -> None:
        for element in container:
            kind = element.get("descriptionType") or "Abstract"
            rank = _DESCRIPTIONS.index(kind) if kind in _DESCRIPTIONS else len(_DESCRIPTIONS)
            if said := self.notes.clean(text.from_html, _whole(element)):
                self.descriptions.append((rank, said))

    def funding_reference(self, container: etree._Element) -> None:
        self.funding += filter(None, [people.grant(element, self.notes) for element in container])

    def related_identifier(self, container: etree._Element) -> None:
        # One provider leaves the container out and repeats the element itself (TUdatalib, 2020).
        for element in container if len(container) else [container]:
            relation = datacite_words.relation(element.get("relationType"))
            kind = element.get("resourceTypeGeneral")
            self._relate(relation, said_in(element), element.get("relatedIdentifierType"), kind)

    def related_item(self, container: etree._Element) -> None:
        for element in container:
            said = {local(child): child for child in element}
            own = said.get("relatedItemIdentifier")
            if own is not None:
                relation, kind = (
                    datacite_words.relation(element.get("relationType")),
                    element.get("relatedItemType"),
                )
                self._relate(relation, said_in(own), own.get("relatedItemIdentifierType"), kind)

    def _relate(self, relation: str, said: str | None, scheme: str | None, kind: str | None) -> None:
        found = parts.related(relation, said, scheme=scheme, kind=kind)
        if found is None:
            return
        if relation == "IsVersionOf" and found.scheme == "doi":
            self.taken.setdefault("concept_doi", found.id)
            return
        self.related.append(found)
        if paper := parts.paper(self.notes, found):
            self.publications.append(paper)

    def size(self, container: etree._Element) -> None:
        for element in container:
            said = said_in(element) or ""
            if files := _FILE_COUNT.fullmatch(said):
                self.count = int(files[1])
            elif not said.isdigit():  # a number without a unit may be bytes, pages or files
                self.bytes += self.notes.clean(sizes.clean, said) or 0

    def format(self, container: etree._Element) -> None:
        for element in container:
            if found := formats.clean(said_in(element)):
                self.formats.append(found)


_TAKERS = {
    "identifier": _Reader.identifier,
    "alternateIdentifiers": _Reader.alternates,
    "creators": _Reader.creators,
    "contributors": _Reader.contributors,
    "titles": _Reader.title,
    "publisher": _Reader.publisher,
    "publicationYear": _Reader.publication_year,
    "subjects": _Reader.subject,
    "dates": _Reader.date,
    "language": _Reader.language,
    "resourceType": _Reader.resource_type,
    "version": _Reader.version,
    "rightsList": _Reader.right,
    "rights": _Reader.one_right,  # kernel 2 has one
    "descriptions": _Reader.description,
    "fundingReferences": _Reader.funding_reference,
    "relatedIdentifiers": _Reader.related_identifier,
    "relatedIdentifier": _Reader.related_identifier,
    "relatedItems": _Reader.related_item,
    "sizes": _Reader.size,
    "formats": _Reader.format,
}


def _once(found: list[Found]) -> tuple[Found, ...]:
    return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))  # hashing a model costs


def _whole(element: etree._Element) -> str:
    """Answer mixed text: kernel 3 allows <br/> in descriptions."""
    return "".join(_pieces(element)) if len(element) else element.text or ""


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield "\n" if local(child) == "br" else ""
        yield from _pieces(child)
        yield child.tail or ""
