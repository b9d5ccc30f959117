"""Identifiers, normalized so that two spellings of one identifier are equal.

DOIs are lower case and bare; ORCID iDs pass their checksum; ROR ids are bare; accessions have their
repository's own case. Typographic hyphens (U+2010 to U+2015, U+2212) are folded: a peer's accession
look-up breaks on them (OmicsDI issue 132).
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

import idutils

from index.values import Cleaned

_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_DOI = re.compile(
    r"(?:https?://(?:dx\.|www\.)?doi\.org/|info:doi/|doi:\s*|urn:doi:)?(10\.\d{4,9}(?:\.\d+)*/\S+)",
    re.IGNORECASE | re.ASCII,
)
_PLACEHOLDER_DOIS = ("10.80507/", "10.5072/", "10.12345/", "10.0000/")
"""Test prefixes: DataCite's 10.5072, and DANDI's 10.80507 which stands for "no DOI yet"."""

_ORCID = re.compile(
    r"(?:https?://(?:www\.)?orcid\.org/|orcid:\s*)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dX])/?",
    re.IGNORECASE | re.ASCII,
)
_ROR = re.compile(r"(?:https?://)?(?:ror\.org/)?(0[a-hj-km-np-tv-z0-9]{6}\d{2})/?", re.IGNORECASE)
_PMID = re.compile(
    r"(?:pmid:?\s*|https?://(?:www\.)?(?:ncbi\.nlm\.nih\.gov/pubmed|pubmed\.ncbi\.nlm\.nih\.gov)/)?"
    r"([1-9]\d{0,8})/?",
    re.IGNORECASE | re.ASCII,
)
_PMCID = re.compile(r"(?:.*/)?(?:pmcid:?\s*)?PMC\s?(\d{3,9})/?", re.IGNORECASE | re.ASCII)
_FUNDER = re.compile(r"(?:.*/)?(?:10\.13039/)?(\d{9,12})", re.ASCII)

_ACCESSIONS = (
    ("idr", re.compile(r"idr[-_ ]?(\d{4})", re.IGNORECASE | re.ASCII), "idr{}"),
    ("empiar", re.compile(r"EMPIAR[-_ ]?(\d{5,6})", re.IGNORECASE | re.ASCII), "EMPIAR-{}"),
    ("ssbd", re.compile(r"ssbd-repos-(\d{6})", re.IGNORECASE | re.ASCII), "ssbd-repos-{}"),
    ("biostudies", re.compile(r"S-([A-Z]{4}\d+)", re.IGNORECASE | re.ASCII), "S-{}"),
    ("emdb", re.compile(r"EMD[-_ ]?(\d{4,5})", re.IGNORECASE | re.ASCII), "EMD-{}"),
    ("pdb", re.compile(r"PDB[:\s-]\s?(\d[A-Z0-9]{3})", re.IGNORECASE | re.ASCII), "{}"),
)


def fold_hyphens(text: str) -> str:
    """Turn typographic hyphens into the one on the keyboard."""
    return text if text.isascii() else text.translate(_HYPHENS)


def _bare(raw: object) -> str:
    return fold_hyphens(raw).strip() if isinstance(raw, str) else ""


def doi(raw: object) -> Cleaned[str]:
    """Normalize a DOI: bare, lower case (DOI Handbook 2.4: names are case-insensitive)."""
    text = _bare(raw)
    if not text:
        return None, None
    match = _DOI.fullmatch(unquote(text) if "%2f" in text.lower() else text)
    if match is None:
        return None, "doi: not a DOI"
    value = match[1].rstrip(".,;").lower()
    if value.startswith(_PLACEHOLDER_DOIS):
        return None, "doi: placeholder"
    return (value, None) if value.partition("/")[2] else (None, "doi: not a DOI")


@lru_cache(maxsize=65536)
def orcid(raw: str | None) -> Cleaned[str]:
    """Normalize an ORCID iD and test its ISO 7064 MOD 11-2 checksum."""
    text = _bare(raw)
    if not text:
        return None, None
    match = _ORCID.fullmatch(text)
    if match is None:
        return None, "orcid: not an ORCID iD"
    value = "-".join(match.groups()).upper()
    return (value, None) if idutils.is_orcid(value) else (None, "orcid: wrong checksum")


def ror(raw: object) -> Cleaned[str]:
    """Normalize a ROR id to its nine characters."""
    text = _bare(raw)
    match = _ROR.fullmatch(text)
    if match is None:
        return None, "ror: not a ROR id" if text else None
    return match[1].lower(), None


def pmid(raw: object) -> Cleaned[str]:
    """Normalize a PubMed id; IDR writes "24943848 https://…", so the first word counts."""
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else _bare(raw)
    match = _PMID.fullmatch(_first_word(text))
    if match is None:
        return None, "pmid: not a PubMed id" if text else None
    return match[1], None


def pmcid(raw: object) -> Cleaned[str]:
    """Normalize a PubMed Central id to "PMC4142622"."""
    text = _bare(raw)
    match = _PMCID.fullmatch(_first_word(text))
    if match is None:
        return None, "pmcid: not a PubMed Central id" if text else None
    return f"PMC{match[1]}", None


def funder_doi(raw: object) -> Cleaned[str]:
    """Normalize a Crossref Funder id to its DOI under 10.13039."""
    text = _bare(raw)
    match = _FUNDER.fullmatch(text)
    if match is None:
        return None, "funder: not a Crossref Funder id" if text else None
    return f"10.13039/{match[1]}", None


def accession(raw: object) -> tuple[str, str] | None:
    """Recognize the accession of a repository we know: its scheme and normal form."""
    text = _bare(raw)
    for scheme, pattern, form in _ACCESSIONS:
        if match := pattern.fullmatch(text):
            return scheme, form.format(match[1].upper() if scheme != "idr" else match[1])
    return None


def sniff(text: str) -> tuple[str, str] | None:
    """Tell whether somebody typed one identifier rather than words; answer its scheme and value."""
    found = accession(text)
    if found is not None:
        return found
    for scheme, cleaner in (("doi", doi), ("orcid", orcid), ("pmcid", pmcid)):
        value, _reason = cleaner(text)
        if value is not None:
            return scheme, value
    return None


def related(raw: object, scheme: object = None) -> tuple[str, str | None] | None:
    """Normalize the identifier of something else; answer it with its scheme, or None for nothing.

    The stated scheme is believed unless it says DOI and the value is none; without a scheme the
    identifier's form decides, by idutils.
    """
    text = _bare(raw)
    if not text:
        return None
    stated = scheme.strip().lower() if isinstance(scheme, str) and scheme.strip() else None
    as_doi, _reason = doi(text)
    if as_doi is not None:
        return as_doi, "doi"
    if (known := accession(text)) is not None:
        return known[1], known[0]
    if stated in {None, "doi"}:
        guesses = idutils.detect_identifier_schemes(text) if len(text) < 500 else []
        return text, guesses[0] if guesses else None
    return text, stated


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0] if text.split() else ""
