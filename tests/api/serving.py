"""A served node over a small catalogue, for tests of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from api.app import create_app
from api.node import Node
from index.record import (
    Affiliation,
    Creator,
    Dates,
    File,
    Files,
    Funding,
    Identifier,
    License,
    Links,
    Publication,
    Record,
    Subject,
    Term,
    Withdrawal,
)
from index.store import Store
from tests.index.filling import catalogue, fill, set_aside

Client: TypeAlias = TestClient[Request, Application]

FULL = Record(
    id="demo:one",
    source="demo",
    title="Light sheet microscopy of <zebrafish> embryos",
    description="Embryos imaged with light sheet microscopy & kept.\nSecond paragraph.",
    identifiers=(
        Identifier(scheme="doi", value="10.1234/one"), Identifier(scheme="empiar", value="EMPIAR-10001"),
    ),
    doi="10.1234/one",
    concept_doi="10.1234/concept",
    creators=(
        Creator(
            name="Doe, Jane", given="Jane", family="Doe", orcid="0000-0002-1825-0097",
            affiliations=(Affiliation(name="McGill University", ror="01pxwe438"),),
        ),
    ),
    publisher="Demo archive",
    dates=Dates(published="2021-02", modified="2022-01-01T10:00:00Z"),
    license=License(
        spdx="CC-BY-4.0", name="CC BY 4.0", url="https://creativecommons.org/licenses/by/4.0/", open=True,
    ),
    access="open",
    keywords=("zebrafish", "gastrulation"),
    subjects=(Subject(label="Developmental biology"),),
    organisms=(Term(label="Danio rerio", id="NCBITaxon:7955"),),
    imaging_methods=(Term(label="light sheet", id="FBbi:00000369"),),
    funding=(Funding(funder="Wellcome Trust", award="220526/Z/20/Z"),),
    publications=(Publication(doi="10.1038/x1", title="A paper", pmid="123", year=2021),),
    files=Files(count=1, bytes=5_000_000, formats=("czi",), listed=(File(name="a b.czi", bytes=5_000_000,
                url="https://demo.example/files/a b.czi", format="czi"),)),
    links=Links(landing="https://demo.example/one", viewer="https://demo.example/view/one"),
)  # fmt: skip
COPY = FULL.model_copy(update={"concept_doi": None})
"""Like it in all that is searched, but no version of it: each copy is a hit of its own."""
BARE = Record(id="demo:bare", source="demo", title="Nothing known")
GONE = Record(
    id="demo:gone",
    source="demo",
    title="Once here",
    withdrawn=Withdrawal(date="2026-01-01", reason="retracted"),
)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Client]:
    with Store(folder / "store.sqlite") as store:
        fill(
            store,
            [
                FULL,
                BARE,
                *(COPY.model_copy(update={"id": f"demo:{n}", "title": f"Copy {n}"}) for n in range(5)),
            ],
        )
        fill(store, [GONE])
        set_aside(store, {"odd": b'{"odd": "no title", "contact": "jane@example.org"}'})
        searched = catalogue(store, folder)
        node = Node(store, searched.engine, public_url="https://search.example.org")
        async with TestClient(TestServer(create_app(node))) as client:
            yield client
        searched.engine.close()
