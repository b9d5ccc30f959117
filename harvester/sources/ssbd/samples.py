"""What a study is about: organisms, cell lines, tissues, processes, strains, and what was done to samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harvester.fields import Notes
from harvester.protocols.rocrate import Entity
from index.record import Subject, Term
from index.values import organisms, text
from index.vocab.tables import fold

FILLERS: Final = {"", "na", "organism", "cell line sample"}
"""Names of samples that name nothing."""
TISSUES: Final = {"BTO", "UBERON"}
SAMPLE: Final = "SSBD sample"
"""Scheme of subjects that say what a sample is: a strain, a genotype, a kind of cell."""

_TERM = re.compile(r"(?:.*/)?([A-Za-z]+)[_:](\d+)")
_TAXON = re.compile(r"\s*[(\uff08](?:NCBI:txid(?P<id>\d+)|NA)\s*[)\uff09]$")  # half and full width
_BINOMIAL = re.compile(r"(?!Computer )[A-Z][a-z]*\.? (?:cf\. )?[a-z]+(?: [a-z]+)?")
_CLO = re.compile(r"\s*\(CLO[:_]\d+\)$")
_COMMA = re.compile(r",\s*(?![^(]*\))|\n")


@dataclass(frozen=True, slots=True)
class Found:
    """What the entities a study is about came to."""

    organisms: tuple[Term, ...]
    cell_lines: tuple[str, ...]
    anatomy: tuple[str, ...]
    subjects: tuple[Subject, ...]
    lines: tuple[str, ...]
    """What was done to samples, a line each."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample. Its name is that of an organism or strain, and after a tilde a cell line or kind of cell."""

    name: str
    species: bool
    """Whether the name is an organism's: "Homo sapiens (NCBI:txid9606)", "S. melanostictus"."""
    taxon: str | None
    cells: tuple[str, ...]
    lines: tuple[str, ...]
    taxa: tuple[Entity, ...]
    said: str

    @classmethod
    def of(cls, thing: Entity) -> Sample:
        whole, said = thing.text("name") or "", thing.text("description") or ""
        filler = whole.lower() in FILLERS
        whole = said if filler else whole
        name, _, cells = whole.partition(" ~ ")
        taxon = _TAXON.search(name)
        return cls(
            name=name[: taxon.start()] if taxon else name,
            species=taxon is not None or (filler and _BINOMIAL.fullmatch(whole) is not None),
            taxon=taxon["id"] if taxon else None,
            cells=tuple(_CLO.sub("", part) for part in _COMMA.split(cells)),
            lines=tuple(name for line in thing.entities("hasCellLine") for name in line.texts("name")),
            taxa=tuple(thing.entities("taxonomicRange")),
            said="" if said == whole else said,
        )


def read(root: Entity, notes: Notes) -> Found:
    """Take what a study is about."""
    things = root.entities("about")
    samples = [Sample.of(thing) for thing in things if "BioSample" in thing.types]
    terms = [_classified(thing) for thing in things if not {"BioSample", "Taxon"} & set(thing.types)]
    taxa = [_taxon(thing) for thing in things if "Taxon" in thing.types]
    taxa += [_taxon(thing) for sample in samples for thing in sample.taxa]
    taxa += [(term.label, term.id) for term in terms if term.scheme == "NCBITaxon"]
    species = _unique_terms(_organisms(taxa, samples, notes))
    lines = [term.label for term in terms if _is_cell_line(term)]
    lines += [line for sample in samples for line in sample.lines]
    cell_lines = _unique(_CLO.sub("", part) for line in lines for part in _COMMA.split(line))
    anatomy = _unique(term.label for term in terms if term.scheme in TISSUES and not _is_cell_line(term))
    others = [term for term in terms if term.scheme not in {"CLO", "NCBITaxon", *TISSUES}]
    known = FILLERS | {
        fold(label)
        for label in (*cell_lines, *anatomy, *(term.label for term in species), *(o.label for o in others))
    }
    strains = _unique(part for sample in samples for part in (sample.name, *sample.cells))
    others += [Subject(label=strain, scheme=SAMPLE) for strain in strains if fold(strain) not in known]
    said = _unique(sample.said for sample in samples)
    return Found(
        organisms=species,
        cell_lines=cell_lines,
        anatomy=anatomy,
        subjects=tuple(dict.fromkeys(others)),
        lines=tuple(f"Sample: {line}" for line in said if fold(line) not in known),
    )


def _organisms(
    taxa: Iterable[tuple[str | None, str | None]], samples: Iterable[Sample], notes: Notes
) -> Iterator[Term | None]:
    """Clean the taxa, and the names of samples without one that are an organism's."""
    for label, id_ in taxa:
        yield notes.keep(organisms.clean(label, id_), f"{label} | {id_}")
    for sample in samples:
        if not sample.taxa and (sample.species or organisms.ORGANISMS.find(sample.name)):
            yield notes.keep(organisms.clean(sample.name, sample.taxon), sample.name)


def _taxon(thing: Entity) -> tuple[str | None, str | None]:
    """Take a taxon's name and its id; some have both as an address and as "NCBITaxon:10090"."""
    labels = [*thing.texts("scientificName"), *thing.texts("name")]
    ids = [thing.iri, *thing.texts("identifier")]
    return next(iter(labels), None), next(filter(None, ids), None)


def _classified(thing: Entity) -> Subject:
    """Take a term: its label, its vocabulary and its id there."""
    identifiers = [thing.iri or "", *thing.texts("identifier")]
    match = next(filter(None, map(_TERM.fullmatch, identifiers)), None)
    label = text.line(thing.text("name"))[0] or identifiers[0]
    return Subject(
        label=label, scheme=match[1] if match else None, id=f"{match[1]}:{match[2]}" if match else None
    )


def _is_cell_line(term: Subject) -> bool:
    """Tell cell lines from tissues: CLO has only the ones, the Brenda tissue ontology has both."""
    return term.scheme == "CLO" or (term.scheme == "BTO" and ("cell" in term.label or "CLO:" in term.label))


def _unique(labels: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for label in labels:
        tidy = text.line(label)[0]
        if tidy:
            found.setdefault(fold(tidy), tidy)
    return tuple(found.values())


def _unique_terms(terms: Iterable[Term | None]) -> tuple[Term, ...]:
    found: dict[str, Term] = {}
    for term in terms:
        if term is not None:
            found.setdefault(term.id or fold(term.label), term)
    return tuple(found.values())
