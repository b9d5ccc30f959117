"""OAI-PMH records and pages, and how to take them out of a recorded answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from lxml import etree

from harvester.errors import BadRecord
from harvester.protocols.xml import local, parse_xml

Granularity: TypeAlias = Literal["seconds", "days"]

_VERBS_WITHOUT_RECORDS = ("Identify", "ListIdentifiers", "ListMetadataFormats", "ListSets")


@dataclass(frozen=True, slots=True)
class OaiRecord:
    """One record as it came: its header's facts, and the whole <record> element."""

    identifier: str
    datestamp: str
    deleted: bool
    sets: tuple[str, ...]
    xml: bytes


@dataclass(frozen=True, slots=True)
class OaiPage:
    """One answer to ListRecords. A list without any match is one page without records."""

    url: str
    asked_at: datetime
    records: tuple[OaiRecord, ...]
    token: str | None
    complete_list_size: int | None
    token_expires: datetime | None = None

    def ids(self) -> Iterator[str]:
        """Answer the identifiers of its records."""
        return (record.identifier for record in self.records)


class TokenExpired(Exception):  # it is no error of the upstream: the caller restarts its window
    """The provider no longer knows the resumption token."""


def split(body: bytes) -> Iterator[OaiRecord]:
    """Take the records out of any answer that holds some: ListRecords, GetRecord, or one bare <record>.

    Raises:
        BadRecord: the answer holds no records; the text says what it is instead.
    """
    root = parse_xml(body)
    name = local(root)
    if name == "record" and any(local(child) == "header" for child in root):
        yield _record(root)
        return
    if name != "OAI-PMH":
        raise BadRecord(f"XML <{name}>, not an answer of OAI-PMH")
    if (refusal := _refusal(root)) is not None:
        raise BadRecord(f"OAI-PMH error {refusal[0]}: {refusal[1]}".rstrip(": "))
    found = list(records_in(root))
    if not found:
        verbs = [local(child) for child in root if local(child) in _VERBS_WITHOUT_RECORDS]
        raise BadRecord(f"OAI-PMH {verbs[0]}, which holds no records" if verbs else "OAI-PMH without records")
    yield from found


def error_of(body: bytes) -> tuple[str, str] | None:
    """Answer the code and text of an OAI-PMH error, None for any other text."""
    try:
        return _refusal(parse_xml(body))
    except BadRecord:
        return None


def record_of(xml: bytes) -> OaiRecord:
    """Read one <record>, such as `split` gave.

    Raises:
        BadRecord: it is none.
    """
    root = parse_xml(xml)
    if local(root) != "record":
        raise BadRecord(f"XML <{local(root)}>, not an OAI-PMH record")
    return _record(root)


def payload_of(record: etree._Element) -> etree._Element | None:
    """Answer the metadata of a <record> element; None for a deleted one.

    Some providers leave the container out and put Dublin Core right below <metadata> (seen in B2FIND's
    collection); then <metadata> itself is the container.
    """
    for child in record:
        if local(child) == "metadata":
            inner = list(child)
            return child if len(inner) > 1 else inner[0] if inner else None
    return None


def records_in(root: etree._Element) -> Iterator[OaiRecord]:
    """Take the records out of a parsed answer."""
    for part in root:
        if local(part) in {"ListRecords", "GetRecord"}:
            yield from (_record(child) for child in part if local(child) == "record")


def stamp(moment: datetime, granularity: Granularity = "seconds") -> str:
    """Write a moment as the protocol does."""
    form = "%Y-%m-%d" if granularity == "days" else "%Y-%m-%dT%H:%M:%SZ"
    return moment.astimezone(UTC).strftime(form)


def moment_of(said: str | None) -> datetime | None:
    """Read a stamp; None for none, and for one that is no date."""
    try:
        found = datetime.fromisoformat(said) if said else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _record(element: etree._Element) -> OaiRecord:
    facts: dict[str, str] = {}
    sets, deleted = [], False
    for header in element:
        if local(header) != "header":
            continue
        deleted = header.get("status") == "deleted"
        for fact in header:
            name, said = local(fact), (fact.text or "").strip()
            if name == "setSpec":
                sets.append(said)
            else:
                facts[name] = said
    whole = etree.tostring(element, encoding="utf-8", with_tail=False)
    stamped = facts.get("datestamp", "")
    return OaiRecord(facts.get("identifier", ""), stamped, deleted, tuple(filter(None, sets)), whole)


def _refusal(root: etree._Element) -> tuple[str, str] | None:
    if local(root) == "OAI-PMH":
        for child in root:
            if local(child) == "error":
                return child.get("code", ""), " ".join((child.text or "").split())
    return None
