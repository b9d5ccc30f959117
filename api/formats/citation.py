"""A record as one line of text to cite it by, as DataCite recommends (Metadata Schema 4.6, section 2.2).

Creator (PublicationYear): Title. Version. Publisher. (resourceTypeGeneral). Identifier
"""

from __future__ import annotations

from api.formats import DOI_URL
from index.record import Record

MANY = 20
"""Creators after which the rest are "et al."; the American Psychological Association names as many."""


def write(record: Record) -> str:
    """Write the citation; what nobody stated is left out, but for the year, whose absence is told."""
    names = [person.name for person in record.creators]
    people = "; ".join([*names[:MANY], *(["et al."] if names[MANY:] else [])])
    year = (record.dates.published or "n.d.")[:4]
    version = f"Version {record.version}" if record.version else None
    where = DOI_URL + record.doi if record.doi else record.links.landing
    parts = (record.title or record.id, version, record.publisher or record.source, f"({record.kind})")
    told = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    return " ".join(part for part in (f"{people} ({year}):".strip(), told, where) if part)
