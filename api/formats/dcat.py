"""A record as DCAT 3 (W3C Recommendation of 22 August 2024), in Turtle or RDF/XML, by rdflib."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as OneOf

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, XSD
from rdflib.term import Identifier as RdfTerm

from api.formats import DOI_URL, ORCID_URL, ROR_URL, SPDX_URL, term_url
from index.record import Creator, File, Record

ACCESS_RIGHT = Namespace("http://publications.europa.eu/resource/authority/access-right/")
ACCESS = {"open": "PUBLIC", "embargoed": "RESTRICTED", "restricted": "RESTRICTED", "closed": "NON_PUBLIC"}
"""The EU's authority table of access rights, which DCAT-AP asks for."""

DCAT_VERSION = URIRef(f"{DCAT}version")
"""New in DCAT 3; rdflib 7.6 knows the terms of DCAT 2 and warns of others."""

DATE_TYPES = {4: XSD.gYear, 7: XSD.gYearMonth, 10: XSD.date}
"""A partial date gets the type that says how far it goes."""


def write(record: Record, base: str, form: OneOf["turtle", "xml"]) -> bytes:
    """Write one record."""
    graph = _graph()
    node = URIRef(f"{base}/records/{record.id}#dataset")
    for predicate, value in _statements(record):
        if value is not None:
            graph.add((node, predicate, value))
    for creator in record.creators:
        graph.add((node, DCTERMS.creator, _agent(graph, creator)))
    if record.publisher:
        publisher = BNode()
        graph.add((node, DCTERMS.publisher, publisher))
        graph.add((publisher, RDF.type, FOAF.Organization))
        graph.add((publisher, FOAF.name, Literal(record.publisher)))
    _distributions(graph, node, record)
    return graph.serialize(format="pretty-xml" if form == "xml" else form, encoding="utf-8")


def _statements(record: Record) -> Iterator[tuple[URIRef, RdfTerm | None]]:
    """Yield what is said of the data set itself; None where nothing is known."""
    yield RDF.type, DCAT.Dataset
    yield DCTERMS.title, _text(record.title)
    yield DCTERMS.description, _text(record.description)
    yield DCTERMS.identifier, _text(record.id)
    yield DCAT.landingPage, _link(record.links.landing)
    yield DCTERMS.issued, _date(record.dates.published)
    yield DCTERMS.modified, _date(record.dates.modified)
    yield DCTERMS.language, _text(record.language)
    yield DCAT_VERSION, _text(record.version)
    yield DCTERMS.license, _license(record)
    yield DCTERMS.accessRights, ACCESS_RIGHT[ACCESS[record.access]] if record.access in ACCESS else None
    for identifier in record.identifiers:
        bare = f"{identifier.scheme}:{identifier.value}"
        is_doi = identifier.scheme == "doi"
        yield DCTERMS.identifier, URIRef(DOI_URL + identifier.value) if is_doi else Literal(bare)
    for word in (*record.keywords, *(subject.label for subject in record.subjects)):
        yield DCAT.keyword, Literal(word)
    for term in (*record.organisms, *record.imaging_methods):
        yield DCAT.keyword, Literal(term.label)
        yield DCAT.theme, URIRef(term_url(term.id)) if term.id else None
    for paper in record.publications:
        yield DCTERMS.isReferencedBy, URIRef(DOI_URL + paper.doi) if paper.doi else None


def _graph() -> Graph:
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in (
        ("dcat", DCAT), ("dcterms", DCTERMS), ("foaf", FOAF), ("xsd", XSD), ("access", ACCESS_RIGHT),
    ):  # fmt: skip
        graph.bind(prefix, namespace)
    return graph


def _distributions(graph: Graph, node: URIRef, record: Record) -> None:
    for place, file in enumerate(record.files.listed):
        _file(graph, node, URIRef(f"{node.removesuffix('#dataset')}#file-{place + 1}"), file)
    download = _link(record.links.download)
    if download is not None and not record.files.listed:
        whole = URIRef(f"{node.removesuffix('#dataset')}#download")
        graph.add((node, DCAT.distribution, whole))
        graph.add((whole, RDF.type, DCAT.Distribution))
        graph.add((whole, DCAT.accessURL, download))
        if record.files.bytes is not None:
            graph.add((whole, DCAT.byteSize, Literal(record.files.bytes, datatype=XSD.nonNegativeInteger)))


def _file(graph: Graph, node: URIRef, about: URIRef, file: File) -> None:
    graph.add((node, DCAT.distribution, about))
    graph.add((about, RDF.type, DCAT.Distribution))
    graph.add((about, DCTERMS.title, Literal(file.name)))
    url = _link(file.url)
    if url is not None:
        graph.add((about, DCAT.downloadURL, url))
    if file.bytes is not None:
        graph.add((about, DCAT.byteSize, Literal(file.bytes, datatype=XSD.nonNegativeInteger)))


def _agent(graph: Graph, creator: Creator) -> RdfTerm:
    about: RdfTerm = URIRef(ORCID_URL + creator.orcid) if creator.orcid else BNode()
    graph.add((about, RDF.type, FOAF.Person if creator.family else FOAF.Agent))
    graph.add((about, FOAF.name, Literal(creator.name)))
    for place in creator.affiliations:
        organization: RdfTerm = URIRef(ROR_URL + place.ror) if place.ror else BNode()
        graph.add((about, DCTERMS.isPartOf, organization))
        graph.add((organization, FOAF.name, Literal(place.name)))
    return about


def _text(value: str | None) -> Literal | None:
    return Literal(value) if value else None


def _date(value: str | None) -> Literal | None:
    if value is None:
        return None
    return Literal(value, datatype=DATE_TYPES.get(len(value), XSD.dateTime))


def _license(record: Record) -> URIRef | None:
    if record.license is None:
        return None
    if record.license.url:
        return _link(record.license.url)
    return URIRef(SPDX_URL + record.license.spdx) if record.license.spdx else None


def _link(url: str | None) -> URIRef | None:
    """Make a reference, with what must not stand in one percent-encoded (file names have blanks)."""
    if url is None:
        return None
    unsafe = {character: f"%{ord(character):02X}" for character in ' <>"{}|\\^`'}
    return URIRef("".join(unsafe.get(character, character) for character in url))
