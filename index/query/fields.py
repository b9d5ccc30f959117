"""The fields one can ask for by name, and how each value is read; filters and `field:value` share this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import get_args

from index.entry import HAS, ID_FIELDS, TOKEN_FIELDS, WITHDRAWN, WORD_FIELDS, fold
from index.query.nodes import BadQuery, OneOf, Query, Without, lookup
from index.query.ranges import QUANTITIES, between
from index.record import Access
from index.values import Cleaned, addresses, identifiers, licenses
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS

ACCESS: tuple[str, ...] = get_args(Access)
STATES = ("current", "withdrawn")
IS = (*ACCESS, *STATES)
"""What `is:` asks for."""

NAME_FIELDS = tuple(name for name in WORD_FIELDS if name in TOKEN_FIELDS)
"""Names, of which a word may be asked for as well as the whole."""
TEXT_FIELDS = tuple(name for name in WORD_FIELDS if name not in TOKEN_FIELDS)
VALUE_FIELDS = tuple(name for name in TOKEN_FIELDS if name not in NAME_FIELDS)
"""Fields whose values are asked for whole."""

_ID_FIELD = {"funder": "funder_id", "affiliation": "affiliation_id", "creator": "creator_id"}
_IDENTIFIERS: Mapping[str, tuple[str, Callable[[str], Cleaned[str]]]] = {
    "doi": ("a DOI, such as doi:10.6019/EMPIAR-10310", identifiers.doi),
    "orcid": ("an ORCID iD, such as orcid:0000-0002-1825-0097", identifiers.orcid),
    "ror": ("a ROR id, such as ror:01pxwe438", identifiers.ror),
    "pmid": ("a PubMed id, such as pmid:24943848", identifiers.pmid),
    "pmcid": ("a PubMed Central id, such as pmcid:PMC4142622", identifiers.pmcid),
}
FIELDS = (
    *TEXT_FIELDS, *TOKEN_FIELDS, *ID_FIELDS, *QUANTITIES, "has", "is", "state", "id", "accession",
    *_IDENTIFIERS,
)  # fmt: skip
"""Every name that may stand before a colon."""
ALIASES = {
    "author": "creator", "method": "imaging_method", "species": "organism", "licence": "license",
    "repository": "source", "size": "bytes", "date": "published", "subject": "keyword", "type": "kind",
}  # fmt: skip
"""Other words for fields, in the search box only; the parameters of the API have one name each."""


def known(name: str) -> str | None:
    """Answer the field that somebody means, whatever the case; None if there is none."""
    folded = name.lower().replace("-", "_")
    folded = ALIASES.get(folded, folded)
    return folded if folded in FIELDS else None


def nearest(name: str, there_are: tuple[str, ...] = (*FIELDS, *ALIASES)) -> list[str]:
    """List names that are spelled much like this one, the nearest first."""
    return get_close_matches(name.lower(), there_are, n=3, cutoff=0.7)


def value(field: str, text: str, form: str = "{}=") -> Query:
    """Read the value of a field, as a filter asks for it.

    Args:
        field: one of `FIELDS` but for the texts.
        text: what somebody wrote.
        form: how the field is asked for there, "year=" or "year:"; for advice.

    Raises:
        BadQuery: the field cannot have this value.
    """
    if field in QUANTITIES:
        return between(field, text, form)
    if field in _IDENTIFIERS:
        return _identified(field, text)
    match field:
        case "has":
            return OneOf(field, (_one_of(field, text, HAS, form),))
        case "is" | "state":
            return _is(_one_of(field, text, IS if field == "is" else STATES, form))
        case "id" | "accession":
            return _named(field, text)
        case _:
            return _token(field, text, form)


def _token(field: str, text: str, form: str) -> Query:
    if field in ID_FIELDS:
        id_ = as_id(text)
        if id_ is None:
            hint = "write an ORCID iD, a ROR id or a Crossref Funder id"
            raise BadQuery(f"{text!r} is no id of a {field.removesuffix('_id')}", hint=hint)
        return OneOf(field, (id_,))
    if field in _ID_FIELD and (id_ := as_id(text)):
        return OneOf(_ID_FIELD[field], (id_,))
    if field == "access":
        return OneOf(field, (_one_of(field, text, ACCESS, form),))
    return OneOf(field, (token(field, text),))


def _one_of(field: str, text: str, there_are: tuple[str, ...], form: str) -> str:
    """Choose one of a few words; case, and hyphens for underscores, do not matter."""
    asked = text.strip().lower()
    for name in there_are:
        if asked.replace("-", "_") == name.replace("-", "_"):
            return name
    near = nearest(asked, there_are)
    meant = f"did you mean {form.format(field)}{near[0]}? " if near else ""
    message = f"{form.format(field)}{text!r} is unknown"
    raise BadQuery(message, hint=f"{meant}there are {', '.join(there_are)}")


def _is(state: str) -> Query:
    if state in ACCESS:
        return OneOf("access", (state,))
    withdrawn = OneOf("aside", (WITHDRAWN,))
    return withdrawn if state == "withdrawn" else Without(withdrawn)


def _identified(field: str, text: str) -> Query:
    form, cleaner = _IDENTIFIERS[field]
    found, reason = cleaner(text)
    if found is None:
        why = " (its check digit is wrong)" if reason and "checksum" in reason else ""
        raise BadQuery(f"{text!r} is not {form.partition(',')[0]}{why}", hint=f"write {form}")
    return lookup(found)


def _named(field: str, text: str) -> Query:
    """Ask for who bears an identifier or a record's id, and for nobody else."""
    found = identifiers.sniff(text)
    asked = text.strip().lower()
    if field == "accession" and found is None:
        hint = "write accession:EMPIAR-10310, or id: for any id"
        raise BadQuery(f"{text!r} is no accession we know", hint=hint)
    return OneOf("identifier", (found[1].lower() if found else addresses.address(asked) or asked,))


def token(field: str, value: str) -> str:
    """Turn what somebody wrote into the token the index holds."""
    if field in {"source", "has", "access"}:
        return value.strip().lower()
    if field == "organism":
        return ORGANISMS.find(value) or ORGANISMS.compact(value) or fold(value)
    if field == "imaging_method":
        return IMAGING_METHODS.find(value) or IMAGING_METHODS.compact(value) or fold(value)
    if field == "license":
        license_, _reason = licenses.clean(value)
        return license_.spdx if license_ and license_.spdx else fold(value)
    return fold(value)


def as_id(value: str) -> str | None:
    """Recognize the id of a person, an institution or a funder."""
    for cleaner in (identifiers.orcid, identifiers.ror, identifiers.funder_doi):
        id_, _reason = cleaner(value)
        if id_ is not None:
            return id_
    return None
