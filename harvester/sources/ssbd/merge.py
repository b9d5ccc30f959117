"""Two crates of one study to one record: the first one's word is preferred, field by field."""

from __future__ import annotations

from typing import TypeVar

from harvester import parts
from index.record import Part, Publication, Record, Related

P = TypeVar("P", bound=Part)


def merge(first: Record, second: Record) -> Record:
    """Merge; both identifiers, both addresses and all papers are kept."""
    names = {identifier.value for identifier in first.identifiers}
    named = first.title is not None and first.title not in names  # 42 projects are named by their identifier
    return _filled(first, second).model_copy(
        update={
            "title": first.title if named else second.title or first.title,
            "identifiers": tuple(dict.fromkeys([*first.identifiers, *second.identifiers])),
            "dates": _filled(first.dates, second.dates),
            "files": _filled(first.files, second.files),
            "links": _filled(first.links, second.links),
            "publications": _papers(first.publications, second.publications),
            "related": tuple(dict.fromkeys([*first.related, *second.related, *_variant(second)])),
        }
    )


def _filled(first: P, second: P) -> P:
    """Take from the second what the first leaves open."""
    return first.model_copy(
        update={name: value for name, value in second if getattr(first, name) in (None, ())}
    )


def _variant(record: Record) -> list[Related]:
    """Point at the other presentation of the study."""
    found = parts.related("IsVariantFormOf", record.links.landing, kind="Dataset", title=record.title)
    return [found] if found else []


def _papers(first: tuple[Publication, ...], second: tuple[Publication, ...]) -> tuple[Publication, ...]:
    """Join papers that share an identifier.

    Where each side has one paper, it is the same one: so in all 262 pairs of April 2026. The database's older
    crates name it by its PubMed id alone and the repository's by its DOI alone.
    """
    found = list(first)
    for paper in second:
        alone = len(first) == len(second) == 1
        twins = [at for at, other in enumerate(first) if _same(other, paper, unless_told_apart=alone)]
        if twins:
            found[twins[0]] = _filled(found[twins[0]], paper)
        else:
            found.append(paper)
    return tuple(found)


def _same(one: Publication, other: Publication, *, unless_told_apart: bool) -> bool:
    pairs = [(one.doi, other.doi), (one.pmid, other.pmid), (one.pmcid, other.pmcid)]
    stated = [left == right for left, right in pairs if left and right]
    return any(stated) or (unless_told_apart and not stated)
