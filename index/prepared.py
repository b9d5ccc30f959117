"""A record as the store writes it down. Making it needs no store, so another process may do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import get_args

from pydantic_core import to_jsonable_python

from index.families.claims import Claim, claims_of
from index.record import Json, Part, Record, Withdrawal

NOT_IN_BODY = {"retrieved_at", "mapping_version"}
"""Facts about our reading rather than the data set; a change of them alone changes no record."""

Link = tuple[str, str | None, str]
"""Relation, scheme, identifier."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record ready to be kept."""

    id: str
    body: bytes
    """JSON without empty fields and without facts about our reading."""
    digest: bytes
    withdrawn: Withdrawal | None
    is_bare: bool
    """A notice of withdrawal that says nothing of the data set itself."""
    identifiers: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    claims: tuple[Claim, ...]

    @property
    def state(self) -> str:
        return "withdrawn" if self.withdrawn else "current"


def prepare(record: Record) -> Prepared:
    """Write a record down."""
    body = record.model_dump_json(exclude_defaults=True, exclude=NOT_IN_BODY).encode()
    return Prepared(
        id=record.id,
        body=body,
        digest=digest_of(body),
        withdrawn=record.withdrawn,
        is_bare=record.withdrawn is not None and record.title is None,
        identifiers=tuple(dict.fromkeys(_identifiers(record))),
        links=tuple(dict.fromkeys(_links(record))),
        claims=claims_of(record),
    )


def completed(stored: Json, model: type[Part] = Record) -> Json:
    """Put the empty fields back into stored JSON, as pydantic's dump would, without checking it again."""
    empty, parts = _form(model)
    whole = {**empty, **stored}
    for name, part in parts:
        value = stored.get(name)
        if isinstance(value, list):
            whole[name] = [completed(each, part) for each in value]
        elif value is not None:
            whole[name] = completed(value, part)
    return whole


@cache
def _form(model: type[Part]) -> tuple[Json, tuple[tuple[str, type[Part]], ...]]:
    """Answer a model's fields with their defaults as JSON, and those that are parts themselves."""
    empty: Json = {}
    parts = []
    for name, field in model.model_fields.items():
        default = None if field.is_required() else field.default
        empty[name] = to_jsonable_python(default)
        kinds = [kind for kind in (*get_args(field.annotation), field.annotation) if isinstance(kind, type)]
        parts += [(name, kind) for kind in kinds if issubclass(kind, Part)]
    return empty, tuple(parts)


def buried(body: bytes, withdrawal: Withdrawal) -> Prepared:
    """Make a tombstone of the last copy."""
    last = Record.model_validate_json(body)
    return prepare(last.model_copy(update={"withdrawn": withdrawal, "access": "closed"}))


def digest_of(body: bytes) -> bytes:
    """Answer 16 bytes that differ when bodies differ."""
    return blake2b(body, digest_size=16).digest()


def _identifiers(record: Record) -> Iterator[tuple[str, str]]:
    for identifier in record.identifiers:
        yield identifier.scheme, identifier.value
    for doi in (record.doi, record.concept_doi):
        if doi:
            yield "doi", doi


def _links(record: Record) -> Iterator[Link]:
    for other in record.related:
        yield other.relation, other.scheme, other.id
    for paper in record.publications:
        for scheme, value in (("doi", paper.doi), ("pmid", paper.pmid), ("pmcid", paper.pmcid)):
            if value:
                yield "IsSupplementTo", scheme, value
