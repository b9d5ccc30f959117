"""Records that were withdrawn, in the four ways Zenodo says so."""

from __future__ import annotations

import csv

from harvester.errors import BadRecord
from harvester.fields import Raw
from harvester.sources.zenodo import facts, shapes
from index.record import Files, Record, Withdrawal
from index.values import dates, identifiers, text


def of_record(record: dict[str, Raw], recid: str) -> Withdrawal | None:
    """Take the tombstone out of a record or of an answer with status 410, if there is one."""
    tombstone = record.pop("tombstone", None)
    deleted = (record.pop("deletion_status", None) or {}).get("is_deleted")
    if tombstone is None and not deleted:
        return None
    said = tombstone or {}
    return _withdrawal(
        recid, (said.get("removal_reason") or {}).get("id"), said.get("note"), said.get("removal_date")
    )


def of_row(row: dict[str, str]) -> Withdrawal:
    """Read a row of records-deleted.csv."""
    return _withdrawal(
        row["record_id"], row.get("removal_reason"), row.get("removal_note"), row.get("removal_date")
    )


def read(parsed: dict[str, Raw], mapping_version: int) -> Record:
    """Read JSON that is nothing but a tombstone; the public one names its record in a citation only.

    Raises:
        BadRecord: it does not tell its record.
    """
    said = parsed.get("tombstone") or {}
    recid = parsed.pop("id", None) or shapes.number_in(said.get("citation_text"))
    if recid is None:
        reason = (said.get("removal_reason") or {}).get("id")
        raise BadRecord(f"a tombstone ({reason}) that does not tell its record")
    pids, withdrawn = parsed.pop("pids", None) or {}, of_record(parsed, str(recid))
    parsed.pop("message", None)
    doi, for_all = ((pids.get(name) or {}).get("identifier") for name in ("doi", "concept-doi"))
    return bare(str(recid), withdrawn, doi, for_all, None, mapping_version)


def read_row(body: str, mapping_version: int) -> Record:
    """Read one row of records-deleted.csv under its header.

    Raises:
        BadRecord: it is none.
    """
    row = row_of(body)
    if not row.get("record_id"):
        raise BadRecord("no row of a list of deleted records")
    doi, for_all, concept = row.get("doi"), row.get("parent_doi"), row.get("parent_id")
    return bare(row["record_id"], of_row(row), doi, for_all, concept, mapping_version)


def row_of(body: str) -> dict[str, str]:
    """Take the one row under its header; empty when there is none."""
    return next(csv.DictReader(body.splitlines(keepends=True)), {})


def _withdrawal(recid: str, reason: Raw, note: Raw, date: Raw) -> Withdrawal:
    said = text.line(note)[0]
    why = str(reason or "removed")
    return Withdrawal(
        date=dates.clean(date)[0],
        reason=f"{why}: {said}" if said else why,
        url=f"{facts.SITE}/records/{recid}",
    )


def bare(  # what a tombstone still says
    recid: str,
    withdrawn: Withdrawal | None,
    doi: Raw,
    concept_doi: Raw,
    concept: Raw,
    mapping_version: int,
) -> Record:
    """Make a record that holds nothing but its withdrawal; the store keeps the last copy beside it."""
    own, for_all = identifiers.doi(doi)[0], identifiers.doi(concept_doi)[0]
    return Record(
        id=f"zenodo:{recid}",
        source="zenodo",
        kind="Other",
        identifiers=facts.own(recid, own, concept, for_all),
        doi=own,
        concept_doi=for_all,
        withdrawn=withdrawn,
        access="closed",
        links=facts.links_of(recid, Files(), open_=False),
        upstream_modified=withdrawn.date if withdrawn else None,
        mapping_version=mapping_version,
    )
