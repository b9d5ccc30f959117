"""The API's description, the routes and the answers agree."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from api.app import ROUTES
from api.openapi import spec
from index.entry import HAS
from index.query import FILTERS
from tests.api.serving import Client


def test_every_route_of_the_api_is_described() -> None:
    described = set(spec()["paths"])
    served = {re.sub(r":\.\+(?=\})|:\[\^[^}]*", "", route.path) for route in ROUTES}
    machine = {path for path in served if path.startswith("/api/") or path.endswith("z")}
    assert machine <= described
    assert {path for path in described if path not in served} == set()


def test_every_filter_is_described() -> None:
    parameters = {p["name"] for p in spec()["paths"]["/api/v1/search"]["get"]["parameters"]}
    assert set(FILTERS) <= parameters
    assert {f"-{name}" for name in FILTERS} <= parameters
    text = str(spec())
    assert all(name in text for name in HAS)


@pytest.mark.parametrize("path", ["/api/v1/search?q=light&facets=all", "/api/v1/search?size=0"])
async def test_answers_keep_to_their_schema(client: Client, path: Any) -> None:
    answer = await (await client.get(path)).json()
    schema = {"$ref": "#/components/schemas/Answer", "components": spec()["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


async def test_every_example_works(client: Client) -> None:
    for path, methods in spec()["paths"].items():
        if "x-example" not in methods.get("get", {}):
            continue  # is posted to, or asks for a secret word
        example = (
            methods["get"]["x-example"]
            .replace("idr:idr0002", "demo:one")
            .replace("sources/idr", "sources/demo")
        )
        answer = await client.get(example)
        assert answer.status == 200, path


async def test_the_description_is_served_for_machines_and_people(client: Client) -> None:
    assert (await (await client.get("/openapi.json")).json())["openapi"] == "3.1.0"
    assert "/api/v1/search" in await (await client.get("/docs")).text()


def test_every_field_of_the_record_is_explained() -> None:
    schemas = spec()["components"]["schemas"]
    for name, field in schemas["Record"]["properties"].items():
        assert field.get("description"), name
        assert "datacite" in field
        assert "schema.org" in field
