"""Published ontologies, read: OBO, OWL (RDF/XML and functional syntax), EDAM's table, NCBI's taxonomy dump.

A reader yields every class of a file as `Term`, obsolete ones too; what is taken of them, `build.py` decides.
Names with a broader meaning than the term are left out: a search for "Cryo-TEM" must not find tomograms.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

import fastobo
from lxml import etree

OBO = "http://purl.obolibrary.org/obo/"
_OIO = "http://www.geneontology.org/formats/oboInOwl#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_OWL = "http://www.w3.org/2002/07/owl#"
REPLACED_BY = OBO + "IAO_0100001"
SYNONYMS = tuple(f"{_OIO}has{scope}Synonym" for scope in ("Exact", "Narrow", "Related"))


class Unreadable(ValueError):
    """A file that is no ontology we can read; the text says what is wrong and what would do."""


@dataclass(frozen=True, slots=True)
class Term:
    """One class of an ontology."""

    id: str
    label: str
    exact: tuple[str, ...] = ()
    """Names that mean the same."""
    near: tuple[str, ...] = ()
    """Names that are narrower or related."""
    parents: tuple[str, ...] = ()
    obsolete: bool = False
    replaced_by: str | None = None
    rank: str = ""


def read(file: Path) -> Iterator[Term]:
    """Read a file; what it is shows in its beginning, not in its name.

    Raises:
        Unreadable: it is none of the forms we know, or is broken.
    """
    reader = _reader(file)
    try:
        yield from reader(file)
    except (SyntaxError, OSError, KeyError, UnicodeDecodeError, tarfile.TarError) as error:
        raise Unreadable(f"{file}: cannot be read: {error}") from error


def _reader(file: Path) -> Callable[[Path], Iterator[Term]]:
    if file.is_dir() or file.name.endswith((".tar.gz", ".tgz")):
        return _taxdump
    try:
        with _opened(file) as opened:
            head = opened.read(4096).decode("utf-8", "replace").lstrip("\ufeff \r\n")
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror or error}") from error
    for begins, reader in _FORMS:
        if re.match(begins, head):
            return reader
    if "mapping_justification" in head or "predicate_id" in head:
        raise Unreadable(
            f"{file}: mappings (SSSOM) are not loaded: names decide which terms are the same, and "
            "published mappings hold pairs that are not; give the ontology itself"
        )
    raise Unreadable(f"{file}: is no OBO, OWL, EDAM table, NCBI names table or taxdump")


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


# ---- OBO ---------------------------------------------------------------------------------------


def _obo(file: Path) -> Iterator[Term]:
    with _opened(file) as opened:
        for frame in fastobo.iter(opened):
            if isinstance(frame, fastobo.term.TermFrame):
                yield _of_frame(frame)


def _of_frame(frame: fastobo.term.TermFrame) -> Term:
    said: dict[str, list[str]] = {}
    for clause in frame:
        tag = clause.raw_tag()
        if tag == "synonym":
            scope = clause.synonym.scope
            said.setdefault(f"synonym {scope}", []).append(clause.synonym.desc)
        else:
            said.setdefault(tag, []).append(clause.raw_value())
    return Term(
        str(frame.id),
        next(iter(said.get("name", ())), ""),
        tuple(said.get("synonym EXACT", ())),
        (*said.get("synonym NARROW", ()), *said.get("synonym RELATED", ())),
        tuple(parent.split(" ")[0] for parent in said.get("is_a", ())),
        said.get("is_obsolete") == ["true"],
        next(iter(said.get("replaced_by", ())), None),
    )


# ---- OWL ---------------------------------------------------------------------------------------


def _rdf_xml(file: Path) -> Iterator[Term]:
    """Read classes as they close; entities of the file's own are filled in, nothing is fetched."""
    with _opened(file) as opened:
        events = etree.iterparse(opened, tag=f"{{{_OWL}}}Class", no_network=True, load_dtd=False)
        for _, element in events:
            about = element.get(f"{_RDF}about")
            if about:
                facts = ((str(child.tag)[1:].replace("}", ""), _said(child)) for child in element)
                yield _of_facts(about, facts)
            parent = element.getparent()
            if parent is not None and str(parent.tag) == f"{_RDF}RDF":
                element.clear()


def _said(element: etree._Element) -> str:
    return element.get(f"{_RDF}resource") or (element.text or "").strip()


_AXIOM = re.compile(
    r"^(?:AnnotationAssertion\((?P<property>\S+) <(?P<subject>[^>]+)> (?P<value><[^>]+>|\"(?:[^\"\\]|\\.)*\")"
    r"|SubClassOf\(<(?P<below>[^>]+)> <(?P<above>[^>]+)>\)|Declaration\(Class\(<(?P<declared>[^>]+)>\)\))"
)
_SHORT = {"rdfs:": _RDFS, "owl:": _OWL, "oboInOwl:": _OIO, "obo:": OBO}


def _functional(file: Path) -> Iterator[Term]:
    """Read the functional syntax, one axiom a line, as the OWL API writes it; only what terms need."""
    facts: dict[str, list[tuple[str, str]]] = {}
    with _opened(file) as opened, io.TextIOWrapper(opened, "utf-8") as lines:
        for line in lines:
            axiom = _AXIOM.match(line)
            if axiom is None:
                continue
            if axiom["declared"]:
                facts.setdefault(axiom["declared"], [])
            elif axiom["below"]:
                facts.setdefault(axiom["below"], []).append((_RDFS + "subClassOf", axiom["above"]))
            else:
                value = re.sub(r"\\(.)", r"\1", axiom["value"][1:-1])
                facts.setdefault(axiom["subject"], []).append((_long(axiom["property"]), value))
    for about, said in facts.items():
        yield _of_facts(about, said)


def _long(name: str) -> str:
    prefix, colon, rest = name.partition(":")
    return _SHORT[prefix + colon] + rest if prefix + colon in _SHORT else name.strip("<>")


def _of_facts(about: str, facts: Iterable[tuple[str, str]]) -> Term:
    said: dict[str, list[str]] = {}
    for name, value in facts:
        said.setdefault(name, []).append(value)
    exact, narrow, related = (tuple(filter(None, said.get(name, ()))) for name in SYNONYMS)
    return Term(
        _compact(about),
        next(iter(said.get(_RDFS + "label", ())), ""),
        exact,
        (*narrow, *related),
        tuple(_compact(parent) for parent in said.get(_RDFS + "subClassOf", ()) if parent),
        "true" in said.get(_OWL + "deprecated", ()),
        next((_compact(by) for by in said.get(REPLACED_BY, ())), None),
    )


def _compact(iri: str) -> str:
    """Write an OBO address as PREFIX:digits; other addresses stay."""
    return iri.removeprefix(OBO).replace("_", ":", 1) if iri.startswith(OBO) else iri


# ---- tables ------------------------------------------------------------------------------------


def _edam(file: Path) -> Iterator[Term]:
    """Read EDAM's table as BioPortal writes it: lists inside a field are separated by |."""
    for row in _table(file):
        exact, narrow, related = (tuple(filter(None, (row.get(name) or "").split("|"))) for name in SYNONYMS)
        yield Term(
            row["Class ID"], row["Preferred Label"], exact, (*narrow, *related),
            tuple(filter(None, row["Parents"].split("|"))), row["Obsolete"].upper() == "TRUE",
        )  # fmt: skip


def _names_table(file: Path) -> Iterator[Term]:
    """Read a table of taxa that gives the lineage by names; parents are the names it knows itself."""
    rows = list(_table(file))
    ranks = ("genus", "family", "order", "class", "phylum", "kingdom", "superkingdom")
    ids = {(row["rank"], row["scientific_name"]): row["taxid"] for row in rows}
    for row in rows:
        above = (ids.get((rank, row.get(rank) or "")) for rank in ranks)
        yield Term(
            f"NCBITaxon:{row['taxid']}",
            row["scientific_name"],
            tuple(filter(None, (row["common_name"], *re.split(r"[|;]", row["synonyms"] or "")))),
            parents=tuple(f"NCBITaxon:{id_}" for id_ in above if id_ and id_ != row["taxid"]),
            rank=row["rank"],
        )


def _table(file: Path) -> Iterator[dict[str, str]]:
    with _opened(file) as opened, io.TextIOWrapper(opened, "utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


# ---- NCBI's dump -------------------------------------------------------------------------------

_DUMP = ("nodes.dmp", "names.dmp", "merged.dmp")
_EXACT = {"synonym", "equivalent name", "genbank common name", "common name", "acronym", "blast name"}


def _taxdump(file: Path) -> Iterator[Term]:
    """Read taxdump.tar.gz or its folder. Both tables are in the order of the ids and read side by side."""
    with ExitStack() as stack:
        if file.is_dir():
            yield from _taxa(*(stack.enter_context((file / name).open("rb")) for name in _DUMP))
            return
        # A tar is read from front to back, and names come after nodes: it is unpacked in memory, 200 MB.
        with tarfile.open(file) as archive:
            held = [_member(archive, name) for name in _DUMP]
        yield from _taxa(*held)


def _member(archive: tarfile.TarFile, name: str) -> io.BytesIO:
    part = archive.extractfile(name)
    if part is None:
        raise Unreadable(f"{name} in the archive is no plain file")
    return io.BytesIO(part.read())


def _taxa(nodes: Iterable[bytes], names: Iterable[bytes], merged: Iterable[bytes]) -> Iterator[Term]:
    grouped = groupby(map(_fields, names), key=lambda row: row[0])
    at, named = next(grouped, ("", iter(())))
    for id_, parent, rank, *_ in map(_fields, nodes):
        if at != id_:
            raise Unreadable(f"names.dmp has {at!r} where nodes.dmp has {id_!r}; take both from one dump")
        rows = list(named)
        label = next((row[1] for row in rows if row[3] == "scientific name"), "")
        exact = tuple(row[1] for row in rows if row[3] in _EXACT)
        parents = (f"NCBITaxon:{parent}",) if parent not in {id_, "1"} else ()
        yield Term(f"NCBITaxon:{id_}", label, exact, parents=parents, rank=rank)
        at, named = next(grouped, ("", iter(())))
    for old, new, *_ in map(_fields, merged):
        yield Term(f"NCBITaxon:{old}", "", obsolete=True, replaced_by=f"NCBITaxon:{new}")


def _fields(line: bytes) -> list[str]:
    return line.decode("utf-8").rstrip("|\t\r\n").split("\t|\t")


_FORMS: tuple[tuple[str, Callable[[Path], Iterator[Term]]], ...] = (
    (r"format-version:|ontology:|\[Term\]", _obo),
    (r"<\?xml|<rdf:RDF", _rdf_xml),
    (r"Prefix\(|Ontology\(", _functional),
    (r"Class ID\tPreferred Label\t", _edam),
    (r"taxid\trank\tscientific_name\t", _names_table),
)
