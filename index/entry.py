"""The entry: what an engine holds of one version of a record.

An engine keeps what it must search, filter, count and sort by; the record itself comes from the store. An
entry is the same for every engine. Tokens of names are folded (case and spaces do not matter), so that
"Wellcome Trust" and "wellcome trust" are one facet value; how to write a value is asked of a record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from index.ranking import COMPLETE, is_complete, titled
from index.record import Json
from index.spelling import coded, searchable
from index.values import addresses, days
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS
from index.values.terms import Vocabulary

ENTRY_VERSION = 10
"""Part of the engine's fingerprint: raised when an entry changes, so that engines are rebuilt."""

TOKEN_FIELDS = (
    "source", "kind", "organism", "imaging_method", "license", "access", "funder", "format", "keyword",
    "affiliation", "creator",
)  # fmt: skip
"""Fields one can filter by and count; several values each."""

WORD_FIELDS = ("title", "description", "creator", "affiliation", "funder", "keyword")
"""Texts and names of which one can ask for a word: `creator:doe`."""

ID_FIELDS = ("funder_id", "affiliation_id", "creator_id")
"""Ids behind names, to filter by."""

DAY_FIELDS = ("published", "updated")
"""Days, as numbers like 20210228; `_end` is the last day a partial date may mean."""

FACETS = (*TOKEN_FIELDS, "year")

UP_FIELDS = {"organism": "organism_up", "imaging_method": "imaging_method_up"}
"""Fields that hold a term and all above it, by the field of the term alone: "Mammalia" finds a mouse."""

TOGETHER_FIELDS = {"organism": "organism_together", "imaging_method": "imaging_method_together"}
"""Fields that hold all terms of a record as one token, by the field of the term alone. Few combinations of
terms are met, so a hierarchy is counted by them: one value for each record where `UP_FIELDS` have a dozen."""

AND = "\x1f"
"""Stands between the terms of such a token; no term has it, because folding takes it for a space."""
TOO_LONG = AND
"""Stands for terms that would make a token longer than `LONGEST_TOGETHER` characters."""
LONGEST_TOGETHER = 1_000

GROUP_FIELDS = ("family", "version")
"""Numbers of the groups that `collapse` makes one hit of: the lowest record number of the group."""

OPEN_END = 1 << 62
"""The `to_revision` of a version that is current."""

ASIDE, OVER, WITHDRAWN = "aside", "over", "withdrawn"
"""Tokens of `aside`: a version that is over, a tombstone, and one that is either. A search of today excludes
the one token that stands for both, so that tombstones cost it nothing but their share of one list."""

FIRST_DAY = date(1800, 1, 1).toordinal()
RID_BITS = 40
UNKNOWN_LAST = (1 << 22) - 1
LISTED_NAMES = 60
"""So many file names are searchable; data sets of a hundred thousand files would drown the words."""

VOCABULARIES = {"organism": ORGANISMS, "imaging_method": IMAGING_METHODS}

HAS = (
    "doi", "description", "publication", "funding", "files", "thumbnail", "viewer", "license", "open_license",
    "organism", "imaging_method", "orcid", "ror", "bytes", "related", "citations",
)  # fmt: skip
"""What `has=` asks for."""


def fold(value: str) -> str:
    """Fold a token: case and spaces do not matter."""
    return " ".join(value.split()).casefold()


def entry_of(rid: int, revision: int, to_revision: int | None, record: Json) -> Json:
    """Make the entry of one version; `record` is the stored JSON, without empty fields.

    The record stands alone; `index/sync.py` puts the groups of one that does not.
    """
    published = (record.get("dates") or {}).get("published")
    size = (record.get("files") or {}).get("bytes")
    day = _day(published)
    tokens = tokens_of(record)
    return {
        "key": f"{rid}.{revision}",
        "rid": rid,
        "from_revision": revision,
        "to_revision": OPEN_END if to_revision is None else to_revision,
        "aside": list(_aside(to_revision, record)),
        **dict.fromkeys(GROUP_FIELDS, rid),
        "grouped": [],
        "title": searchable([record["title"]]) if record.get("title") else [],
        "titled": [titled(record["title"])] if record.get("title") else [],
        "complete": [COMPLETE] if is_complete(record) else [],
        "text": [*searchable(dict.fromkeys(_texts(record))), *coded(_codes(record))],
        "description": searchable([record["description"]]) if record.get("description") else [],
        **{f"{name}_words": searchable(tokens[name]) for name in WORD_FIELDS if name in tokens},
        # A tombstone is not suggested: who takes the suggestion would find nothing.
        "names": [] if record.get("withdrawn") else list(dict.fromkeys(_names(record))),
        "identifier": list(_identifiers(record)),
        "linked": list(_linked(record)),
        **tokens,
        **up_of(tokens),
        **_together_of(tokens),
        "none": [*(name for name, values in tokens.items() if not values), *(() if published else ("year",))],
        **_ids_of(record),
        "has": list(_has(record)),
        **({"year": int(published[:4])} if published else {}),
        **({"bytes": size} if size else {}),
        **_days(published, "published"),
        **_days((record.get("dates") or {}).get("modified"), "updated"),
        "newest": (day or 0) << RID_BITS | rid,
        "oldest": (UNKNOWN_LAST if day is None else day) << RID_BITS | rid,
        "largest": _magnitude(size) << RID_BITS | rid,
    }


def _aside(to_revision: int | None, record: Json) -> Iterator[str]:
    """Yield why a search of today leaves this version out; "aside" itself stands for any of the reasons."""
    reasons = {OVER: to_revision is not None, WITHDRAWN: bool(record.get("withdrawn"))}
    if any(reasons.values()):
        yield ASIDE
    yield from (reason for reason, holds in reasons.items() if holds)


def tokens_of(record: Json) -> dict[str, list[str]]:
    """Answer the filterable values of a record, by field."""
    license_ = record.get("license") or {}
    return {
        "source": [record["source"]],
        "kind": [fold(record.get("kind", "Dataset"))],
        "organism": _unique(_term(ORGANISMS, term) for term in record.get("organisms", ())),
        "imaging_method": _unique(_term(IMAGING_METHODS, term) for term in record.get("imaging_methods", ())),
        "license": _unique([license_.get("spdx") or fold(license_.get("name") or license_.get("url") or "")]),
        "access": [record.get("access", "unknown")],
        "funder": _unique(fold(grant.get("funder") or "") for grant in record.get("funding", ())),
        "format": _unique((record.get("files") or {}).get("formats", ())),
        "keyword": _unique(fold(word) for word in _keywords(record)),
        "affiliation": _unique(fold(place["name"]) for place in _affiliations(record)),
        "creator": _unique(fold(person["name"]) for person in record.get("creators", ())),
    }


def up_of(tokens: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Answer the terms of a record with all terms above them, by field."""
    return {up: with_above(field, tokens[field]) for field, up in UP_FIELDS.items()}


def with_above(field: str, terms: Iterable[str]) -> list[str]:
    """Answer terms of a hierarchy with all above them."""
    parents = VOCABULARIES[field].parents
    return list(dict.fromkeys(each for term in terms for each in (term, *parents(term))))


def _together_of(tokens: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {
        field: [together if len(together) <= LONGEST_TOGETHER else TOO_LONG]
        for name, field in TOGETHER_FIELDS.items()
        if (together := AND.join(sorted(tokens[name])))
    }


def texts_of(record: Json) -> list[str]:
    """Answer every text one may search for, as it is written."""
    return list(dict.fromkeys((*_texts(record), *_codes(record))))


def _ids_of(record: Json) -> dict[str, list[str]]:
    grants = record.get("funding", ())
    return {
        "funder_id": _unique(id_ for g in grants for id_ in (g.get("ror"), g.get("funder_doi")) if id_),
        "affiliation_id": _unique(place.get("ror") or "" for place in _affiliations(record)),
        "creator_id": _unique(person.get("orcid") or "" for person in record.get("creators", ())),
    }


def _texts(record: Json) -> Iterator[str]:
    """Yield every text one may search for."""
    for name in ("title", "description", "publisher", "version"):
        if record.get(name):
            yield record[name]
    yield from _keywords(record)
    for person in (*record.get("creators", ()), *record.get("contributors", ())):
        yield person["name"]
    yield from (place["name"] for place in _affiliations(record))
    # As the repository writes them; what else they are called the query asks for, and tells (expand.py).
    for name in ("organisms", "imaging_methods"):
        yield from (term["label"] for term in record.get(name, ()))
    for name in ("anatomy", "cell_lines", "instruments", "study_type"):
        yield from record.get(name, ())
    for grant in record.get("funding", ()):
        yield from (grant[key] for key in ("funder", "award", "title") if grant.get(key))
    for paper in record.get("publications", ()):
        yield from (paper[key] for key in ("title", "journal", "authors") if paper.get(key))


def _codes(record: Json) -> Iterator[str]:
    """Yield what machines call things: one may search for it, but nobody spells it in another way."""
    files = record.get("files") or {}
    yield from files.get("formats", ())
    yield from (file["name"] for file in files.get("listed", ())[:LISTED_NAMES])
    yield from (identifier["value"] for identifier in record.get("identifiers", ()))
    yield from (other["id"] for other in record.get("related", ()))


def _names(record: Json) -> Iterator[str]:
    """Yield what is worth suggesting while somebody types."""
    if record.get("title"):
        yield record["title"]
    yield from _keywords(record)
    yield from (person["name"] for person in record.get("creators", ())[:20])
    yield from _names_of(ORGANISMS, record.get("organisms", ()))
    yield from _names_of(IMAGING_METHODS, record.get("imaging_methods", ()))


def _keywords(record: Json) -> Iterator[str]:
    yield from record.get("keywords", ())
    yield from (subject["label"] for subject in record.get("subjects", ()))


def _affiliations(record: Json) -> Iterator[Json]:
    for person in record.get("creators", ()):
        yield from person.get("affiliations", ())


def _names_of(vocabulary: Vocabulary, terms: Iterable[Json]) -> Iterator[str]:
    for term in terms:
        yield term["label"]
        yield from vocabulary.synonyms(term.get("id"))


def _term(vocabulary: Vocabulary, term: Json) -> str:
    """Name a term by its id where the vocabulary knows it, else by its label.

    A vocabulary loaded later may know a label that the reader did not, or have replaced the id.
    """
    id_ = vocabulary.current(term["id"]) if term.get("id") else vocabulary.find(term["label"])
    return id_ if id_ and vocabulary.label(id_) else fold(term["label"])


def _identifiers(record: Json) -> Iterator[str]:
    """Yield what the data set is called, for look-ups: lower case."""
    yield record["id"].lower()
    yield record["id"].partition(":")[2].lower()
    yield from (identifier["value"].lower() for identifier in record.get("identifiers", ()))
    yield from (record[name] for name in ("doi", "concept_doi") if record.get(name))
    pages = (record.get("links") or {}).get
    yield from filter(None, (addresses.address(page) for page in (pages("landing"), pages("viewer")) if page))


def _linked(record: Json) -> Iterator[str]:
    """Yield what the data set points at, for look-ups."""
    for other in record.get("related", ()):
        yield other["id"].lower()
        if page := addresses.address(other["id"]):
            yield page
    for paper in record.get("publications", ()):
        yield from (paper[key].lower() for key in ("doi", "pmid", "pmcid") if paper.get(key))
    yield from (person["orcid"].lower() for person in record.get("creators", ()) if person.get("orcid"))
    yield from (place["ror"] for place in _affiliations(record) if place.get("ror"))
    for grant in record.get("funding", ()):
        yield from filter(None, (grant.get("ror"), grant.get("funder_doi")))
    yield from (grant["award"].lower() for grant in record.get("funding", ()) if grant.get("award"))


def _has(record: Json) -> Iterator[str]:
    links, files = record.get("links") or {}, record.get("files") or {}
    present = {
        "doi": record.get("doi"),
        "description": record.get("description"),
        "publication": record.get("publications"),
        "funding": record.get("funding"),
        "files": files.get("count") or files.get("listed"),
        "bytes": files.get("bytes"),
        "thumbnail": links.get("thumbnail"),
        "viewer": links.get("viewer"),
        "license": (record.get("license") or {}).get("spdx"),
        "open_license": (record.get("license") or {}).get("open"),
        "organism": record.get("organisms"),
        "imaging_method": record.get("imaging_methods"),
        "orcid": any(person.get("orcid") for person in record.get("creators", ())),
        "ror": any(place.get("ror") for place in _affiliations(record)),
        "related": record.get("related"),
        "citations": (record.get("metrics") or {}).get("citations"),
    }
    yield from (name for name, value in present.items() if value)


def _days(stated: str | None, name: str) -> dict[str, int]:
    """Answer the first and last day that a date or time may mean."""
    return dict(zip((name, f"{name}_end"), days.span(stated[:10]), strict=True)) if stated else {}


def _day(published: str | None) -> int | None:
    """Number the day for sorting; a partial date counts as its first day."""
    if published is None:
        return None
    year, month, day = (*map(int, published.split("-")), 1, 1)[:3]
    return max(1, date(year, month, day).toordinal() - FIRST_DAY)


def _magnitude(size: int | None) -> int:
    """Squeeze a size into 23 bits that sort alike: 6 of exponent, 17 of fraction (8 parts in a million)."""
    if not size:
        return 0
    fraction, exponent = math.frexp(size)
    return exponent << 17 | int((fraction - 0.5) * (1 << 18))


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
