"""Parts of a record, built from what upstreams write, with every value cleaned on the way in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from harvester.fields import Notes, Raw
from index.record import (
    Affiliation,
    Contributor,
    Creator,
    Funding,
    Identifier,
    License,
    Publication,
    Related,
)
from index.values import Cleaned, dates, identifiers, licenses, names, text


def own_identifiers(*pairs: tuple[str, str | None]) -> tuple[Identifier, ...]:
    """List the identifiers of the data set itself; absent ones are left out."""
    found = dict.fromkeys((scheme, value) for scheme, value in pairs if value)
    return tuple(Identifier(scheme=scheme, value=value) for scheme, value in found if value)


def creator(  # noqa: PLR0913  # a person has these facts
    notes: Notes,
    name: Raw,
    *,
    given: Raw = None,
    family: Raw = None,
    orcid: Raw = None,
    affiliations: Iterable[Affiliation] = (),
    initials_last: bool = False,
) -> Creator | None:
    """Build a creator; stated given and family names are believed before a split of the whole."""
    first, last = notes.clean(text.line, given), notes.clean(text.line, family)
    whole = notes.keep(names.clean(name, initials_last=initials_last), name)
    if whole is None and last is None:
        return None
    if whole is None:
        whole = names.Name(f"{last}, {first}" if first else str(last))
    if last is not None and (first is not None or last != whole.name):
        whole = names.Name(whole.name, first, last)
    clean_orcid = notes.keep(identifiers.orcid(orcid if isinstance(orcid, str) else None), orcid)
    return Creator(**whole._asdict(), orcid=clean_orcid, affiliations=tuple(affiliations))


def contributor(person: Creator | None, role: Raw) -> Contributor | None:
    """Give a person a role."""
    if person is None:
        return None
    return Contributor(**dict(person), role=text.line(role)[0])


def affiliation(notes: Notes, name: Raw, ror: Raw = None) -> Affiliation | None:
    """Build an affiliation; an id that is no ROR id is left out."""
    clean_name = notes.clean(text.line, name)
    clean_ror = identifiers.ror(ror)[0]
    if clean_name is None:
        return None
    return Affiliation(name=clean_name, ror=clean_ror)


def funding(  # noqa: PLR0913  # a grant has these facts
    notes: Notes,
    *,
    evidence: str,
    funder: Raw = None,
    funder_id: Raw = None,
    award: Raw = None,
    title: Raw = None,
    url: Raw = None,
) -> Funding | None:
    """Build a grant; "0" and "none" stand for nothing (Figshare's funding_list is full of them)."""
    said = {
        key: value
        for key, raw in (("funder", funder), ("award", award), ("title", title), ("url", url))
        if (value := notes.clean(text.line, str(raw) if isinstance(raw, int) else raw))
        and value.lower() not in {"0", "none", "n/a", "na", "-"}
    }
    ror = identifiers.ror(funder_id)[0]
    funder_doi = None if ror or not funder_id else identifiers.funder_doi(funder_id)[0]
    if not said and ror is None and funder_doi is None:
        return None
    return Funding(**said, ror=ror, funder_doi=funder_doi, evidence=evidence)


def related(  # a relation has these facts
    relation: str, raw: Raw, *, scheme: Raw = None, kind: str | None = None, title: Raw = None
) -> Related | None:
    """Build a relation; None when nothing is pointed at."""
    found = identifiers.related(raw, scheme)
    if found is None:
        return None
    return Related(relation=relation, id=found[0], scheme=found[1], kind=kind, title=text.line(title)[0])


def publication(  # noqa: PLR0913  # a paper has these facts
    notes: Notes,
    *,
    doi: Raw = None,
    pmid: Raw = None,
    pmcid: Raw = None,
    title: Raw = None,
    authors: Raw = None,
    journal: Raw = None,
    year: Raw = None,
    preprint: bool | None = None,
) -> Publication | None:
    """Build a publication; None when nothing identifies it."""
    when = notes.clean(dates.clean, year)
    paper = Publication(
        doi=notes.clean(identifiers.doi, doi),
        pmid=notes.clean(identifiers.pmid, pmid),
        pmcid=notes.clean(identifiers.pmcid, pmcid),
        title=notes.clean(text.line_from_html, title),
        authors=notes.clean(text.line, authors),
        journal=notes.clean(text.line, journal),
        year=int(when[:4]) if when else None,
        preprint=preprint,
    )
    named = paper.doi or paper.pmid or paper.pmcid or paper.title
    return paper if named else None


def license_(notes: Notes, name: Raw = None, url: Raw = None, *, id_: Raw = None) -> License | None:
    """Build a license from its name, its address and its id; the id decides what those leave open."""
    said = tuple(raw if isinstance(raw, str) else None for raw in (name, url, id_))
    return notes.keep(_license(*said), name or id_ or url)


@lru_cache(maxsize=4096)
def _license(name: str | None, url: str | None, id_: str | None) -> Cleaned[License]:
    found, reason = licenses.clean(name or id_, url)
    if found is None or found.spdx or not (name and id_):
        return found, reason
    by_id, _ = licenses.clean(id_, url)
    if by_id is None or by_id.spdx is None:
        return found, reason
    return by_id.model_copy(update={"name": found.name}), None


_ABOUT_THE_DATA = {
    "IsSupplementTo",
    "IsCitedBy",
    "IsDocumentedBy",
    "IsDescribedBy",
    "IsReferencedBy",
    "IsPublishedIn",
}
"""Relations that lead from a data set to a paper about it."""

_ARTICLES = {"JournalArticle", "Preprint", "DataPaper", "ConferencePaper", "Text", "Dissertation", "Report"}
_HOLD_DATA = (
    "10.5281/",
    "10.6084/",
    "10.5061/",
    "10.17632/",
    "10.7910/",
    "10.6019/",
    "10.17605/",
    "10.17867/",
)
"""Repositories whose DOIs, when nothing says what they name, name data rather than a paper."""


def paper(notes: Notes, found: Related) -> Publication | None:
    """Answer the paper that a relation leads to; None when it leads to something else."""
    if found.relation not in _ABOUT_THE_DATA or found.scheme not in {"doi", "pmid", "pmcid"}:
        return None
    if found.kind not in _ARTICLES and (found.kind is not None or found.id.startswith(_HOLD_DATA)):
        return None
    preprint = True if found.kind == "Preprint" else None
    return publication(notes, **{found.scheme: found.id}, title=found.title, preprint=preprint)
