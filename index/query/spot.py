"""Identifiers within a text: DOI, ORCID, ROR, PubMed, accession, address; any dash, prefix or case."""

from __future__ import annotations

import re
from dataclasses import dataclass

from index.query.nodes import Query, lookup
from index.values import addresses, identifiers

_TRAILING = ".,;:!?'\"”\u2019"
_AFTER = rf"(?=[)\]}}{re.escape(_TRAILING)}]*(?:\s|$))"
"""What may follow an identifier in a sentence; a letter or a sign means that it is part of more."""
_ADDRESS = re.compile(
    r"https?://[^\s\"<>“”]+|(?:[a-z0-9-]+\.)+[a-z]{2,24}/[^\s\"<>“”]+", re.IGNORECASE | re.ASCII
)
_DOI = re.compile(
    r"(?:doi:?\s*|info:doi/|urn:doi:)?10\.\d{4,9}(?:\.\d+)*/[^\s\"<>“”]+", re.IGNORECASE | re.ASCII
)
_SHORT = tuple(
    (re.compile(pattern + _AFTER, re.IGNORECASE | re.ASCII), scheme)
    for pattern, scheme in (
        (r"(?:orcid(?:\s+id)?:?\s*)?\d{4}-?\d{4}-?\d{4}-?\d{3}[\dX]", "orcid"),
        (r"(?:ror:?\s*)?0[a-hj-km-np-tv-z0-9]{6}\d{2}", "ror"),
        (r"pmid:?\s*[1-9]\d{0,8}", "pmid"),
        (r"(?:pmcid:?\s*)?PMC\s?\d{3,9}", "pmcid"),
        # A space only where the number cannot be a year: "idr 2019" is two words.
        (r"(?:idr[-_]?\d{4}|idr 0\d{3})", "accession"),
        (r"EMPIAR[-_ ]?\d{5,6}", "accession"),
        (r"ssbd-repos-\d{6}", "accession"),
        (r"S-[A-Z]{4}\d+", "accession"),
        (r"(?:EMD[-_]?\d{4,5}|EMD \d{5})", "accession"),
        (r"PDB(?::\s?|-)\d[A-Z0-9]{3}", "accession"),
    )
)
_NUMBER = re.compile(r"\d{5,12}" + _AFTER, re.ASCII)
_ROR_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_OPENING = {")": "(", "]": "[", "}": "{", ">": "<"}


@dataclass(frozen=True, slots=True)
class Spotted:
    """An identifier in a text."""

    end: int
    query: Query
    is_sure: bool
    """It can hardly be anything else. A bare number, or an address without a scheme, may be words too."""


def spot(text: str, at: int) -> Spotted | None:
    """Find an identifier that begins at a place; `text` has its hyphens folded."""
    if match := _DOI.match(text, at):
        raw = _trimmed(match[0])
        value, _reason = identifiers.doi(re.sub(r"^doi:?\s*", "", raw, flags=re.IGNORECASE))
        if value is not None:
            return Spotted(at + len(raw), lookup(value), is_sure=True)
    if match := _ADDRESS.match(text, at):
        raw = _trimmed(match[0])
        found = addresses.identifier(raw)
        if found is not None:
            sure = raw.lower().startswith("http") or found != addresses.address(raw)
            return Spotted(at + len(raw), lookup(found), sure)
    return _short(text, at)


def _short(text: str, at: int) -> Spotted | None:
    for pattern, scheme in _SHORT:
        match = pattern.match(text, at)
        value = _value(scheme, match[0]) if match else None
        if match and value is not None:
            return Spotted(match.end(), lookup(value), is_sure=True)
    if match := _NUMBER.match(text, at):
        # A record's number at its repository or a PubMed id, if not a word: a look-up finds all three.
        return Spotted(match.end(), lookup(match[0]), is_sure=False)
    return None


def _value(scheme: str, raw: str) -> str | None:
    match scheme:
        case "orcid":
            return identifiers.orcid(re.sub(r"^orcid(\s+id)?:?\s*", "", raw, flags=re.IGNORECASE))[0]
        case "ror":
            bare = re.sub(r"^ror:?\s*", "", raw, flags=re.IGNORECASE).lower()
            return bare if bare != raw.lower() or is_ror(bare) else None
        case "pmid":
            return re.sub(r"\D", "", raw)
        case "pmcid":
            return "PMC" + re.sub(r"\D", "", raw)
        case _:
            found = identifiers.accession(raw)
            return found[1] if found else None


def is_ror(bare: str) -> bool:
    """Tell a ROR id from a number or a word of its form by its check digits.

    ISO 7064 MOD 97-10 over the characters before them as base 32 (Crockford), as ROR makes its ids.
    """
    if bare.isdigit():
        return False
    number = 0
    for character in bare[:-2]:
        number = number * 32 + _ROR_DIGITS.index(character)
    return 98 - number * 100 % 97 == int(bare[-2:])


def whole(text: str) -> Spotted | None:
    """Recognize a text that is one identifier and nothing else."""
    folded = identifiers.fold_hyphens(text.strip())
    found = identifiers.sniff(folded)
    if found is not None:
        return Spotted(len(folded), lookup(found[1]), is_sure=True)
    spotted = spot(folded, 0)
    return spotted if spotted and spotted.end == len(folded) else None


def _trimmed(raw: str) -> str:
    """Drop what belongs to the sentence: stops, quotes, and parentheses that were opened before."""
    while raw and (raw[-1] in _TRAILING or _is_foreign(raw)):
        raw = raw[:-1]
    return raw


def _is_foreign(raw: str) -> bool:
    opening = _OPENING.get(raw[-1])
    return opening is not None and raw.count(raw[-1]) > raw.count(opening)
