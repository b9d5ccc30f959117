"""What a record claims: names it bears, names of its versions, and names of things it calls the same.

A claim is a rule and a key. The rule says how the record stands to the key: `is`, `concept`, a DataCite
relation, `accession`, `paper` or `apart`. The key is a name in one spelling, so that 10.6019/EMPIAR-10310,
EMPIAR-10310 and the address of its page are one key. Pure: the same record makes the same claims.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

from index.record import Record, Related
from index.values import identifiers

Claim: TypeAlias = tuple[str, str]
"""Rule and key."""

IS, CONCEPT, ACCESSION, PAPER, APART = "is", "concept", "accession", "paper", "apart"

VERSION_OF = frozenset({"IsVersionOf", "HasVersion", "IsNewVersionOf", "IsPreviousVersionOf"})
SAME_AS = frozenset({"IsIdenticalTo"})
VARIANT_OF = frozenset({"IsVariantFormOf", "IsOriginalFormOf"})
STATED = VERSION_OF | SAME_AS | VARIANT_OF
"""Relations of DataCite 4.6 that say: the same thing, in another version, form or place."""

BESIDE = frozenset({
    "IsSupplementTo", "IsSupplementedBy", "IsPartOf", "HasPart", "IsDerivedFrom", "IsSourceOf",
    "IsRequiredBy", "Requires", "IsDocumentedBy", "Documents", "IsMetadataFor", "HasMetadata",
})  # fmt: skip
"""Relations that say: another thing. Software deposited with data at Dryad goes to Zenodo, and says so."""

TEXTS = frozenset({
    "Book", "BookChapter", "ConferencePaper", "ConferenceProceeding", "DataPaper", "Dissertation", "Journal",
    "JournalArticle", "Preprint", "Report", "Text",
})  # fmt: skip

ARCHIVES = frozenset({"idr", "empiar", "ssbd", "biostudies"})
"""Schemes of accessions. A study in one of these that names one in another is the same study."""

LEAST_TITLE = 20
"""Letters a title must have to tell anything: "Raw data" and "Figure 1" are everybody's."""

_ACCESSION_DOI = re.compile(r"10\.6019/(empiar-\d+|s-[a-z]{4}\d+)")
_ZENODO = re.compile(r"https?://(?:www\.)?zenodo\.org/records?/(\d+)/?")
_FIGSHARE = re.compile(r"https?://(?:www\.)?figshare\.com/articles/(?:[^?#]*/)?(\d{5,})(?:/\d+)?/?")
_DATA_OF = re.compile(r"^(?:data|dataset) (?:from|for) ")
_WORDS = re.compile(r"[^\W_]+")


def claims_of(record: Record) -> tuple[Claim, ...]:
    """List the claims of a record, each once."""
    papers = {f"doi:{paper.doi}" for paper in record.publications if paper.doi}
    own = tuple(dict.fromkeys(key for key in _names(record) if key not in papers))
    concepts = [key for key in dict.fromkeys(_concepts(record)) if key not in own and key not in papers]
    themselves = {*own, *concepts}
    found = [*((IS, key) for key in own), *((CONCEPT, key) for key in concepts)]
    titled = list(_papers(record))
    for other in record.related:
        key = key_of(other.id)
        if key is not None and key not in themselves and key not in papers:
            found += [(rule, key) for rule in _rules(record, other, own, key, by_title=bool(titled))]
    return tuple(dict.fromkeys([*found, *titled]))


@lru_cache(maxsize=4096)
def key_of(name: str) -> str | None:
    """Answer the key of an identifier or address; None where it names no one thing in a repository we know.

    A bare address is not taken: two projects that call themselves identical to one homepage are two projects.
    """
    doi, _reason = identifiers.doi(name)
    if doi is not None:
        known = _ACCESSION_DOI.fullmatch(doi)
        return _accession(known[1]) if known else f"doi:{doi}"
    if "/" not in name:
        return _accession(name)
    if page := _ZENODO.fullmatch(name):
        return f"doi:10.5281/zenodo.{page[1]}"
    if page := _FIGSHARE.fullmatch(name):
        return f"doi:10.6084/m9.figshare.{page[1]}"
    return _accession(name.rstrip("/").rpartition("/")[2]) if _is_page(name) else None


def title_key(title: str) -> str | None:
    """Fold case, accents, marks and "Data from:" out of a title; None where too little stays."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    words = " ".join(_WORDS.findall("".join(c for c in plain if not unicodedata.combining(c))))
    words = _DATA_OF.sub("", words)
    return words if len(words) >= LEAST_TITLE else None


def _is_page(name: str) -> bool:
    """Tell whether an address is of a repository of images: others end in an accession by chance."""
    hosts = ("ebi.ac.uk/", "ssbd.riken.jp/", "idr.openmicroscopy.org/", "identifiers.org/")
    return name.startswith(("http://", "https://")) and any(host in name for host in hosts)


def _accession(name: str) -> str | None:
    found = identifiers.accession(name)
    return f"{found[0]}:{found[1]}" if found and found[0] in ARCHIVES else None


def _names(record: Record) -> Iterator[str]:
    """Yield the names of the record itself."""
    concepts = set(_concepts(record))
    if record.doi and (key := key_of(record.doi)):
        yield key
    for identifier in record.identifiers:
        if identifier.scheme in ARCHIVES and (known := _accession(identifier.value)):
            yield known
        # Of a Zenodo record that brought its DOI along, the number is what others can point at.
        numbered = f"doi:10.5281/zenodo.{identifier.value}"
        if identifier.scheme == "zenodo" and numbered not in concepts:
            yield numbered


def _concepts(record: Record) -> Iterator[str]:
    """Yield the names of all versions together."""
    if record.concept_doi and (key := key_of(record.concept_doi)):
        yield key
    for identifier in record.identifiers:
        if identifier.scheme == "zenodo-concept":
            yield f"doi:10.5281/zenodo.{identifier.value}"


def _rules(
    record: Record, other: Related, own: tuple[str, ...], key: str, *, by_title: bool
) -> Iterator[str]:
    """Yield what a relation is good for."""
    if other.relation in STATED:
        if other.kind is None or (other.kind in TEXTS) == (record.kind in TEXTS):
            yield other.relation
    elif other.relation == "References":
        archives = {name.partition(":")[0] for name in own} & ARCHIVES
        if archives and key.partition(":")[0] in ARCHIVES - archives:
            yield ACCESSION
    elif by_title and other.relation in BESIDE:
        yield APART


def _papers(record: Record) -> Iterator[Claim]:
    """Yield each publication with the folded title and the sort of thing: code is no copy of data."""
    title = title_key(record.title or "")
    if title is None:
        return
    sort = "text" if record.kind in TEXTS else "code" if record.kind == "Software" else "data"
    digest = blake2b(f"{sort} {title}".encode(), digest_size=8).hexdigest()
    for paper in record.publications:
        for scheme, value in (("doi", paper.doi), ("pmid", paper.pmid)):
            if value:
                yield PAPER, f"paper:{scheme}:{value}#{digest}"
