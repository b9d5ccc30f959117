"""Terms: labels as IDR shows them, with the ids that only the study files state."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harvester.fields import Notes
from harvester.sources.idr.facts import Facts
from index.record import Subject, Term
from index.values import Cleaned, imaging_methods, organisms, text
from index.values.terms import Vocabulary
from index.vocab.tables import fold

_PREFIXED = re.compile(r"([A-Za-z]+)[_:](\w+)")
SAMPLE_TYPE = "IDR sample type"


def species(said: Facts, notes: Notes) -> tuple[Term, ...]:
    """Read the organisms."""
    return _terms(organisms.ORGANISMS, said, "Organism", notes)


def methods(said: Facts, notes: Notes) -> tuple[Term, ...]:
    """Read the imaging methods."""
    return _terms(imaging_methods.IMAGING_METHODS, said, "Imaging Method", notes)


def subjects(study_types: Iterable[str], said: Facts, notes: Notes) -> tuple[Subject, ...]:
    """Read what classifies a study: its types and phenotypes where they have ids, and the kind of sample."""
    found = [_subject(label, said) for label in study_types]
    found += [_subject(label, said) for label in notes.clean_all(text.line, said.take("Phenotype"))]
    samples = notes.clean_all(text.line, said.take("Sample Type"))
    found += [Subject(label=label, scheme=SAMPLE_TYPE) for label in samples]
    return tuple(dict.fromkeys(subject for subject in found if subject))


def _subject(label: str, said: Facts) -> Subject | None:
    match = _PREFIXED.fullmatch(said.ids.get(fold(label), ""))
    return Subject(label=label, scheme=match[1], id=f"{match[1]}:{match[2]}") if match else None


def _terms(vocabulary: Vocabulary, said: Facts, key: str, notes: Notes) -> tuple[Term, ...]:
    def clean(label: str) -> Cleaned[Term]:
        return vocabulary.clean(label, said.ids.get(fold(label)))

    # "Protein localization" and "protein localization" are one term.
    labels = {fold(label): label for label in reversed(said.take(key))}
    found = notes.clean_all(clean, reversed(labels.values()))
    # Names of one thing, such as "light sheet fluorescence microscopy" and "SPIM", are one term.
    once = {term.id or term.label: term for term in reversed(found)}
    return tuple(reversed(once.values()))
