"""What is said of a study in key-value pairs: on its projects and screens, and in its study file.

The pairs are made by IDR from the study file, so both say the same where both are there. The pairs are
what IDR shows and win, key by key; the study file adds what the pairs leave out. Keys repeat: a study has
several organisms, publications, DOIs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from harvester.fields import Raw
from harvester.sources.idr.shapes import parent_of
from harvester.sources.idr.study_file import StudyFile
from index.vocab.tables import fold

Paper = dict[str, str]

_OF_A_PAPER = {
    "Publication Title": "title",
    "Publication Authors": "authors",
    "PubMed ID": "pmid",
    "PMC ID": "pmcid",
    "Publication DOI": "doi",
}
_OF_THE_STUDY = {
    "Study Title": "title",
    "Study Type": "type",
    "Organism": "organism",
    "Release Date": "public release date",
    "Copyright": "copyright",
    "Data Publisher": "data publisher",
    "Data DOI": "data doi",
    "External URL": "external url",
    "EMPIAR Accession": "empiar accession",
    "Key Words": "key words",
    "Preprint": "publication preprint",
}
_OF_ITS_PARTS = {
    "Sample Type": "sample type",
    "Screen Type": "type",
    "Screen Technology Type": "technology type",
    "Organism": "organism",
    "Imaging Method": "imaging method",
    "Part DOI": "data doi",
    "Data Publisher": "data publisher",
    "Phenotype": "phenotype",
    "Cell Line": "cell line or strain",
    "Raw Image Data Format": "raw image data format",
}
"""Keys of the pairs, and some that IDR makes no pairs of, to the columns of the study file."""


@dataclass(slots=True)
class Facts:
    """Values by IDR's own keys, and the publications with what identifies each."""

    values: dict[str, list[str]] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of terms by their folded labels; only study files state them."""

    def add(self, key: str, value: object) -> None:
        """Add a value, once."""
        clean = str(value or "").strip(" \t\n\u200b\ufeff")
        if clean and clean not in self.values.setdefault(key, []):
            self.values[key].append(clean)

    def take(self, key: str) -> list[str]:
        """Take the values of a key."""
        return self.values.pop(key, [])

    def complete(self, other: Facts) -> None:
        """Add what another says under keys that say nothing here."""
        self.papers = self.papers or other.papers
        self.ids |= other.ids
        for key, values in other.values.items():
            if not self.values.get(key):
                self.values[key] = values


def of_annotations(annotations: Iterable[Raw]) -> Facts:
    """Collect the pairs of a study's annotations, in their order."""
    found = Facts()
    for annotation in annotations:
        parent = parent_of(annotation)
        pairs = [pair for pair in annotation.pop("values", None) or [] if len(pair) == 2]
        _add_papers(found, pairs)
        for key, value in pairs:
            if key == "Data DOI" and "/" in str(parent.get("name")):
                found.add("Part DOI", value)  # that of the whole stands on the umbrella, named without "/"
            elif key not in _OF_A_PAPER:
                found.add(key, value)
    return found


def of_study_file(file: StudyFile) -> Facts:
    """Collect what IDR makes pairs of, from the file it makes them from."""
    found = Facts()
    for wanted, owners in ((_OF_THE_STUDY, [file.study]), (_OF_ITS_PARTS, file.parts)):
        for key, column in wanted.items():
            for owner in owners:
                _add_column(found, key, owner.pop(column, []), owner.pop(f"{column} term accession", []))
    for value in (*file.take("bioimage archive accession"), *file.take("biostudies accession")):
        found.add("BioStudies Accession", value)
    for name, url in zip_longest(file.take("license"), file.take("license url"), fillvalue=""):
        found.add("License", f"{name} {url}")
    keys = ("publication title", "author list", "pubmed id", "pmc id", "doi")
    columns = zip_longest(*(file.take(key) for key in keys), fillvalue="")
    papers = (dict(zip(_OF_A_PAPER.values(), paper, strict=True)) for paper in columns)
    found.papers += [
        {key: value for key, value in paper.items() if value} for paper in papers if any(paper.values())
    ]
    return found


def _add_column(found: Facts, key: str, labels: list[str], ids: list[str]) -> None:
    for label, id_ in zip_longest(labels, ids, fillvalue=""):
        found.add(key, label)
        if label and id_:
            found.ids.setdefault(fold(label), id_)


def _add_papers(found: Facts, pairs: list[list[str]]) -> None:
    """Put together what belongs to one publication: its title opens it."""
    papers: list[Paper] = []
    for key, value in pairs:
        field_ = _OF_A_PAPER.get(key)
        if field_ is None or not value:
            continue
        if not papers or field_ in papers[-1]:
            papers.append({})
        papers[-1][field_] = value
    found.papers += [paper for paper in papers if paper not in found.papers]
