"""RO-Crates read as what they are, RDF: the one place that reads linked data.

A crate writes one thing in many ways: an object or a list of them, a name or a reference, "obo:FBbi_00000246"
or the whole address, a term described where it is used or elsewhere in the file, or twice. In the graph all
of these are the same triples, so no source needs to know the difference.

No network, ever: a crate's remote context (https://w3id.org/ro/crate/1.2/context) is never fetched. Its
terms are schema.org's; those that are not stand in `TERMS`. Of a crate's own context only the prefixes are
believed. Reading one of SSBD's crates (126 triples on average) takes four milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from rdflib import RDF, RDFS, Graph, Literal, URIRef
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.term import Node

from harvester.errors import BadRecord
from harvester.fields import Raw, listed, mappings

SCHEMA: Final = "http://schema.org/"
BASE: Final = "https://crate.invalid/"
"""What only the crate itself names ("#auth-001") stands below this address."""

TERMS: Final = {
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "hasCellLine": "http://www.bioassayontology.org/bao#BAO_0002004",
    "measurementMethod": "http://rs.tdwg.org/dwc/iri/measurementMethod",
    "scientificName": "http://rs.tdwg.org/dwc/terms/scientificName",
    "seeAlso": str(RDFS.seeAlso),  # crates say rdf:seeAlso, which does not exist
    "vernacularName": "http://rs.tdwg.org/dwc/terms/vernacularName",
}
"""Terms of the GIDE search profile 1.0 that are not schema.org's."""

IN_ORDER: Final = (
    "about affiliation author funder hasCellLine instrument keywords labEquipment measurementMethod"
    " measurementTechnique sameAs seeAlso size taxonomicRange thumbnailUrl"
)
"""Properties whose values come in an order. RDF's plain properties have none, its lists do."""

CONTEXT: Final[dict[str, Raw]] = {
    "@vocab": SCHEMA,
    **TERMS,
    **{name: {"@id": TERMS.get(name, SCHEMA + name), "@container": "@list"} for name in IN_ORDER.split()},
}
_NOT_IN_IRIS = re.compile(r"[<>\" {}|\\^`]")
DEEPEST: Final = 40
"""Levels of nesting. A crate is flat; what goes deeper is no crate."""


class Crate:
    """The graph of one crate. What was taken out of it is remembered; `left` tells the rest."""

    def __init__(self, document: Mapping[str, Raw]) -> None:
        """Read a crate.

        Raises:
            BadRecord: it has no graph, or none that JSON-LD knows.
        """
        if not isinstance(document.get("@graph"), list):
            raise BadRecord("no @graph; not an RO-Crate")
        self.graph = Graph(bind_namespaces="none")
        self.taken: set[tuple[Node, Node]] = set()
        context = [_prefixes(document.get("@context")), CONTEXT]
        flat = {"@context": context, "@graph": _tidy(mappings(document["@graph"]))}
        try:
            to_rdf(flat, self.graph, base=BASE)
        except (
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:  # rdflib has no error of its own
            raise BadRecord(f"no JSON-LD ({type(error).__name__}: {error})") from error

    def root(self) -> Entity:
        """Find the data set that the crate is about: its metadata descriptor says which.

        Raises:
            BadRecord: no descriptor, or it is about nothing.
        """
        for node in self.graph.subjects(URIRef(TERMS["conformsTo"])):
            found = Entity(self, node).entities("about")
            if found:
                return found[0]
        raise BadRecord("no metadata descriptor that says what this RO-Crate is about")

    def left(self) -> dict[str, dict[str, bool]]:
        """Answer the properties nobody took, by type of entity; the values are of no interest."""
        found: dict[str, dict[str, bool]] = {}
        lists = {RDF.first, RDF.rest, RDF.type}
        for subject, predicate in self.graph.subject_predicates():
            if predicate not in lists and (subject, predicate) not in self.taken:
                for type_ in Entity(self, subject).types or ("untyped",):
                    found.setdefault(type_, {})[_name(predicate)] = True
        return found


class Entity:
    """Something a crate describes, or just names: a string where a thing is due is the thing's name."""

    __slots__ = ("crate", "node")

    def __init__(self, crate: Crate, node: Node) -> None:
        self.crate, self.node = crate, node

    @property
    def iri(self) -> str | None:
        """Its address; None when only the crate names it."""
        return str(self.node) if isinstance(self.node, URIRef) and not self.node.startswith(BASE) else None

    @property
    def types(self) -> tuple[str, ...]:
        """Its types, by their short names, in alphabetical order."""
        return tuple(sorted(_name(type_) for type_ in self.crate.graph.objects(self.node, RDF.type)))

    def entities(self, name: str) -> list[Entity]:
        """Take the things a property points at."""
        return [Entity(self.crate, node) for node in self._take(name)]

    def texts(self, name: str) -> list[str]:
        """Take the values of a property as text; a reference gives its address."""
        return [str(node) for node in self._take(name)]

    def text(self, name: str) -> str | None:
        """Take the value of a property as text; of several, the first."""
        return next(iter(self.texts(name)), None)

    def number(self, name: str) -> int | None:
        """Take the value of a property that is a whole number."""
        values = (node.value for node in self._take(name) if isinstance(node, Literal))
        return next((value for value in values if type(value) is int), None)

    def _take(self, name: str) -> Iterator[Node]:
        if isinstance(self.node, Literal):
            yield from [self.node] if name == "name" else []
            return
        predicate = URIRef(TERMS.get(name, SCHEMA + name))
        self.crate.taken.add((self.node, predicate))
        for node in self.crate.graph.objects(self.node, predicate):
            if node == RDF.nil or (node, RDF.first, None) in self.crate.graph:
                yield from self.crate.graph.items(node)
            else:
                yield node


def described(document: Raw) -> dict[str, dict[str, list[Raw]]]:
    """Answer a crate's properties by type, as it wrote them: what `Crate.left` would tell had nobody read.

    No graph is made: this counts what crates tell, at a fiftieth of the time.
    """
    found: dict[str, dict[str, list[Raw]]] = {}
    waiting = mappings(document.get("@graph")) if isinstance(document, dict) else []
    while waiting:
        entity = waiting.pop()
        values = {name: value for name, value in entity.items() if name != "@type"}
        for type_ in listed(entity.get("@type")) or ["untyped"]:
            for name, value in values.items():
                told, within = _told(value)
                found.setdefault(str(type_), {}).setdefault(name, []).extend(told)
                waiting += within
    return found


def _told(value: Raw) -> tuple[list[Raw], list[dict[str, Raw]]]:
    """Tell a property's own values, references among them, from entities described in their place."""
    each = listed(value["@list"] if isinstance(value, dict) and "@list" in value else value)
    plain = [entry.get("@id") or entry.get("@value") if isinstance(entry, dict) else entry for entry in each]
    within = [entry for entry in mappings(each) if set(entry) - {"@id", "@value"}]
    return plain, within


def _prefixes(context: Raw) -> dict[str, str]:
    """Answer a context's prefixes, and nothing that could make the reader fetch or reinterpret."""
    own = [part for part in (context if isinstance(context, list) else [context]) if isinstance(part, dict)]
    return {
        name: iri
        for part in own
        for name, iri in part.items()
        if isinstance(iri, str) and re.fullmatch(r"https?://.+[/#:?=]", iri) and not name.startswith("@")
    }


def _tidy(value: Raw, depth: int = 0) -> Raw:
    """Drop contexts within and nulls; make ids valid ("…/obo/FBbi_ 00000246" has a space in it)."""
    if depth > DEEPEST:
        raise BadRecord(f"nested deeper than {DEEPEST} levels; not an RO-Crate")
    if isinstance(value, list):
        return [_tidy(entry, depth + 1) for entry in value if entry is not None]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidy(entry, depth + 1) for key, entry in value.items() if key != "@context"}
    if isinstance(kept.get("@id"), str):
        kept["@id"] = _NOT_IN_IRIS.sub(lambda match: quote(match[0]), kept["@id"])
    if set(kept) == {"@list"}:  # rdflib makes a list of a list of it
        return kept["@list"]
    return {key: entry for key, entry in kept.items() if entry is not None}


def _name(iri: Node) -> str:
    known = {address: name for name, address in TERMS.items()}
    return known.get(str(iri)) or str(iri).removeprefix(SCHEMA)
