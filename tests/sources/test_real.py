"""Real upstream answers, where they are at hand: each becomes a record or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harvester import registry
from harvester.reading import read_files
from harvester.rehearse import REPLICAS, Stock
from harvester.source import Source
from index import intake
from tests.conftest import bench_of
from tests.sources.routes import ROUTES

each_source = pytest.mark.parametrize("source", registry.SOURCES, ids=lambda source: source.card.name)


@each_source
def test_every_real_answer_is_read_or_says_why_not(source: Source, shared: Path) -> None:
    records = 0
    for found in read_files(source, [shared / source.card.name]):
        if "record" in found:
            records += 1
            assert found["unmapped"] == [], found["file"]
            assert found["record"]["links"]["landing"], found["file"]
        else:
            assert len(found["quarantined"]) > 10, found["file"]
    assert records >= 3


@each_source
async def test_every_real_document_arrives_by_some_route(
    source: Source, shared: Path, tmp_path: Path
) -> None:
    """Some documents were found in a shape that one route alone serves, as Zenodo's XML by OAI-PMH."""
    name, arrived, wanted = source.card.name, set[str](), 0
    for place, route in enumerate(
        route for route in ROUTES if (route.source, route.scope) == (name, "everything")
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        async with bench_of(name, folder, Stock(folder=shared)) as bench:
            report = await bench.harvest(scope=route.scope, options=route.options)
            assert report.state == "complete", report.error
            kept = intake.all_documents(bench.store, name, 500)
            arrived |= {document.raw.upstream_id for batch in kept for document in batch}
            wanted = REPLICAS[name].studies(bench.replica.holdings)
    assert len(arrived) >= wanted >= 3
