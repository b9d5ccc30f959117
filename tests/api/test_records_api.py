"""Record pages lead back to the upstream, in the form that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from rdflib import Graph, Literal
from yarl import URL

from api.node import NODE
from api.records import negotiate
from index.record import Identifier
from index.store import Store
from tests.api.serving import BARE, Client
from tests.index.filling import fill


async def test_a_record_is_answered_whole(client: Client) -> None:
    answer = await client.get("/api/v1/records/demo:one")
    body = await answer.json()
    assert body["id"] == "demo:one"
    assert body["links"]["landing"] == "https://demo.example/one"
    assert body["origin"] == "replica"


async def test_an_unknown_record_is_a_problem_with_advice(client: Client) -> None:
    answer = await client.get("/api/v1/records/demo:nobody")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"
    assert "search" in (await answer.json())["detail"]


async def test_a_withdrawn_record_is_gone_and_keeps_its_last_copy(client: Client) -> None:
    answer = await client.get("/api/v1/records/demo:gone")
    assert answer.status in {404, 410}


async def test_what_the_upstream_sent_is_answered(client: Client) -> None:
    answer = await client.get("/api/v1/records/demo:one/raw")
    assert (await answer.json())["id"] == "demo:one"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("application/json", "application/json"),
        ("application/ld+json", "application/ld+json"),
        ("text/turtle;q=0.9, application/ld+json;q=0.8", "text/turtle"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("application/*", "application/json"),
    ],
)
async def test_the_form_is_negotiated(client: Client, accept: Any, kind: Any) -> None:
    answer = await client.get("/records/demo:one", headers={"Accept": accept})
    assert answer.status == 200
    assert answer.content_type == kind
    assert "Accept" in answer.headers["Vary"]


async def test_a_form_not_offered_is_refused(client: Client) -> None:
    answer = await client.get("/records/demo:one", headers={"Accept": "image/png"})
    assert answer.status == 406
    assert (await client.get("/records/demo:one?format=docx")).status == 406


def test_weights_decide() -> None:
    assert negotiate("text/html;q=0.2, text/turtle", None) == "text/turtle"
    assert negotiate("text/turtle;q=0, text/html", None) == "text/html"


async def test_turtle_is_dcat_that_parses(client: Client) -> None:
    answer = await client.get("/records/demo:one?format=turtle")
    graph = Graph().parse(data=await answer.text(), format="turtle")
    rows = graph.query(
        "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/>"
        "SELECT ?title ?page ?issued WHERE { ?d a dcat:Dataset; dct:title ?title; dcat:landingPage ?page;"
        " dct:issued ?issued }"
    )
    ((title, page, issued),) = [tuple(row) for row in rows]  # type: ignore[arg-type]
    assert str(title) == "Light sheet microscopy of <zebrafish> embryos"
    assert str(page) == "https://demo.example/one"
    assert isinstance(issued, Literal)
    assert str(issued.datatype).endswith("gYearMonth")  # partial dates stay partial


async def test_rdf_xml_says_the_same_as_turtle(client: Client) -> None:
    turtle = Graph().parse(
        data=await (await client.get("/records/demo:one?format=turtle")).text(), format="turtle"
    )
    xml = Graph().parse(data=await (await client.get("/records/demo:one?format=rdf")).text(), format="xml")
    assert len(turtle) == len(xml) > 20


async def test_json_ld_is_a_schema_org_dataset(client: Client) -> None:
    body = await (await client.get("/records/demo:one?format=jsonld")).json(content_type=None)
    assert body["@type"] == "Dataset"
    assert body["@id"] == "https://doi.org/10.1234/one"
    assert body["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert body["creator"][0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    assert body["distribution"][0]["contentSize"] == "5000000 B"
    assert body["measurementTechnique"][0]["@id"] == "http://purl.obolibrary.org/obo/FBbi_00000369"
    assert None not in body.values()


async def test_a_record_of_which_little_is_known_can_be_written_in_every_form(client: Client) -> None:
    for form in ("html", "json", "jsonld", "turtle", "rdf"):
        assert (await client.get(f"/records/demo:bare?format={form}")).status == 200


@pytest.mark.parametrize("place", ["/records", "/api/v1/records"])
@pytest.mark.parametrize("name", ["10.1234/alone", "10.1234%2Falone", "EMPIAR-10777"])
@pytest.mark.parametrize("asked", ["", "?format=json&note=a%26b&note=%C3%BC"])
async def test_a_doi_or_accession_leads_to_its_record_with_what_was_asked_beside_it(
    place: str, name: str, asked: str, client: Client
) -> None:
    alone = Identifier(scheme="doi", value="10.1234/alone"), Identifier(scheme="empiar", value="EMPIAR-10777")
    fill(store_of(client), [BARE.model_copy(update={"id": "demo:alone", "identifiers": alone})])
    answer = await client.get(URL(f"{place}/{name}{asked}", encoded=True), allow_redirects=False)
    assert answer.status == 303
    assert URL(answer.headers["Location"], encoded=True) == URL(f"{place}/demo:alone{asked}", encoded=True)
    there = await client.get(URL(answer.headers["Location"], encoded=True))
    as_json = asked or place.startswith("/api")
    assert (there.status, there.content_type) == (200, "application/json" if as_json else "text/html")


async def test_a_doi_of_several_records_leads_to_none_of_them(client: Client) -> None:
    assert (await client.get("/records/10.1234%2Fone")).status == 404


def store_of(client: Client) -> Store:
    assert client.app is not None
    return client.app[NODE].store
