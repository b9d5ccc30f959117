"""What the source counts on; `headwater harvest --probe` asks Zenodo for it."""

from __future__ import annotations

from harvester.source import Assumption
from harvester.sources.zenodo import facts

_OAI = f"{facts.SITE}/oai2d?verb="

ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        "a search counts its hits and lists every version, the newest first",
        f"{facts.API}?size=1&page=1&sort=mostrecent&all_versions=true",
        paths=("hits.total", "hits.hits.0.id", "hits.hits.0.updated", "hits.hits.0.metadata.title"),
    ),
    Assumption(
        "a search understands a span of `updated` and the oldest first",
        f"{facts.API}?q=updated:[2020-01-01T00:00:00+TO+2020-03-01T00:00:00]&size=1&sort=-mostrecent",
        paths=("hits.total", "hits.hits.0.id"),
    ),
    Assumption(
        "a search understands the extensions of files in native field names",
        f"{facts.API}?q=files.entries.ext:(tif+OR+czi)&size=1",
        paths=("hits.total", "hits.hits.0.id"),
    ),
    Assumption(
        "a guest's page ends at 25 records, and the refusal names the end",
        f"{facts.API}?size=26",
        status=400,
        facts={"errors.0.field": "size"},
        holds=b"Page size cannot be greater than 25",
    ),
    Assumption(
        "a record answers in the public JSON with license, concept and files",
        f"{facts.API}/3675442",
        paths=("files.0.key", "files.0.checksum", "stats"),
        facts={
            "id": 3675442,
            "conceptrecid": "3675441",
            "doi": "10.5281/zenodo.3675442",
            "metadata.license.id": "cc-by-4.0",
            "metadata.resource_type.type": "dataset",
        },
    ),
    Assumption(
        "a record that never was is not found",
        f"{facts.API}/99999999999",
        status=404,
        facts={"message": "The persistent identifier does not exist."},
    ),
    Assumption(
        "the exporter lists a dump of native JSON", f"{facts.SITE}/api/exporter", holds=b"records-json"
    ),
    Assumption(
        "the exporter lists the deleted records", f"{facts.SITE}/api/exporter", holds=b"records-deleted.csv"
    ),
    Assumption(
        "OAI-PMH stamps to the second",
        f"{_OAI}Identify",
        expect="xml",
        holds=b"<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>",
    ),
    Assumption(
        "OAI-PMH says how long a list is",
        f"{_OAI}ListRecords&metadataPrefix=oai_datacite",
        expect="xml",
        holds=b'completeListSize="',
    ),
    Assumption(
        "OAI-PMH says with status 422 that nothing matches",
        f"{_OAI}ListRecords&metadataPrefix=oai_datacite&from=2099-01-01",
        status=422,
        expect="xml",
        holds=b'code="noRecordsMatch"',
    ),
)
