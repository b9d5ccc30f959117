"""The works a dataset names: in Dryad's own words, or, in answers of 2020, by DataCite's relations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harvester import parts
from harvester.fields import Notes, Raw, mappings
from index.record import Publication, Related
from index.values import text

_MEANINGS: dict[str, tuple[str, str | None]] = {
    # Until 2020 Dryad wrote IsSupplementTo for the article that the data belongs to, today "primary_article"
    # or, where nobody chose the primary one, "article".
    "primary_article": ("IsSupplementTo", "JournalArticle"),
    "article": ("IsSupplementTo", "JournalArticle"),
    "preprint": ("IsSupplementTo", "Preprint"),
    # As Dryad registers them with DataCite (related_identifier.rb in dryad-app, August 2026).
    "dataset": ("IsSupplementedBy", "Dataset"),
    "software": ("IsDerivedFrom", "Software"),
    "supplemental_information": ("IsSourceOf", None),
    "data_management_plan": ("IsDocumentedBy", "OutputManagementPlan"),
    "undefined": ("References", None),
}
"""Dryad's word for a work, to the DataCite relation and the kind of the work."""


def related_works(works: Raw) -> Iterator[Related]:
    """Read the works, whatever they are."""
    for work in mappings(works):
        word = work.pop("relationship", None)
        said = word.strip() if isinstance(word, str) else "undefined"
        own = _MEANINGS.get(said.lower())
        # A word that is not Dryad's own is a relation of DataCite's, written as DataCite writes it.
        relation, kind = own or (said[:1].upper() + said[1:] or "References", None)
        found = parts.related(
            relation,
            _address(work.pop("identifier", None)),
            scheme=work.pop("identifierType", None),
            kind=kind,
        )
        if found:
            yield found


def publications(works: Iterable[Related], notes: Notes) -> tuple[Publication, ...]:
    """Take the papers among the works."""
    papers = (parts.paper(notes, work) for work in works)
    return tuple(dict.fromkeys(paper for paper in papers if paper))


def _address(raw: Raw) -> str | None:
    """Complete an address typed without its scheme, "www.github.com/x" (10.5061/dryad.mkkwh70zp)."""
    said, mended = text.line(raw)
    if said is None or mended:  # nothing, or an e-mail address
        return None
    return f"https://{said}" if said.startswith("www.") else said
