"""Help over HTTP, on the pages and on the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from lxml import etree
from rich.style import Style

from api import searching
from api.feeds import ATOM
from api.match import MOST_BYTES, MOST_ROWS, STREAMED_FROM
from api.node import NODE
from index.record import Record, Term
from index.sync import sync
from tests.api.serving import Client, served
from tests.api.test_cli import run
from tests.index.filling import fill

HERE = "https://search.example.org"


async def get(client: Client, address: str, status: int = 200) -> Any:
    answer = await client.get(address)
    assert answer.status == status, await answer.text()
    return await answer.json(content_type=None)


# ---- suggestions, spelling, nothing found ----------------------------------------------------


async def test_suggestions_say_how_to_ask(client: Client) -> None:
    found = (await get(client, "/api/v1/suggest?q=danio"))["suggestions"]
    first = found[0]
    assert (first["kind"], first["text"], first["count"]) == ("organism", "Danio rerio", 6)
    assert first["asks"] == {"organism": "NCBITaxon:7955"}
    assert (await get(client, first["search"]))["total"] == first["count"]
    assert (await client.get(first["page"])).status == 200


@pytest.mark.parametrize("query", ["q=a&kind=planet", "q=a&size=51", "q=" + "a" * 201, "q=a&prefix=b"])
async def test_what_suggestions_cannot_do_is_refused(client: Client, query: str) -> None:
    assert (await get(client, f"/api/v1/suggest?{query}", 400))["detail"]


async def test_a_misspelled_search_answers_what_was_meant(client: Client) -> None:
    answer = await get(client, "/api/v1/search?q=zebrafsih&source=demo")
    assert answer["did_you_mean"]["q"] == "zebrafish"
    assert (
        (await get(client, answer["did_you_mean"]["search"]))["total"] == answer["did_you_mean"]["total"] > 0
    )
    page = await (await client.get("/?q=zebrafsih&source=demo")).text()
    assert "Did you mean" in page
    assert "q=zebrafish&amp;source=demo" in page


async def test_a_search_that_finds_nothing_says_why(client: Client) -> None:
    answer = await get(client, "/api/v1/search?q=zebrafish+quagmire&organism=mouse")
    why = answer["why_empty"]
    assert why["sentence"] == "No record has quagmire, organism=mouse."
    assert [(part["text"], part["without"]) for part in why["parts"]] == [
        ("zebrafish", 0), ("quagmire", 0), ("organism=mouse", 0),
    ]  # fmt: skip
    one = (await get(client, "/api/v1/search?q=zebrafish+quagmire"))["why_empty"]["parts"][1]
    assert (await get(client, one["search"]))["total"] == one["without"] == 6
    assert (await get(client, "/api/v1/search?q=zebrafish"))["why_empty"] is None
    page = await (await client.get("/?q=zebrafish+quagmire&organism=mouse")).text()
    assert "No record has quagmire" in page


async def test_the_past_is_explained_as_it_was(client: Client) -> None:
    why = (await get(client, "/api/v1/search?q=zebrafish+quagmire&as_of=1"))["why_empty"]
    assert why["parts"][1]["without"] == 1
    assert "as_of=1" in why["parts"][1]["search"]


# ---- similar ---------------------------------------------------------------------------------


async def test_similar_records_are_on_the_page_and_in_the_api(client: Client) -> None:
    found = (await get(client, "/api/v1/records/demo:bare/similar"))["similar"]
    assert found == []
    assert client.app is not None
    node = client.app[NODE]
    xenopus = (Term(label="Xenopus laevis", id="NCBITaxon:8355"),)
    toad = Record(
        id="demo:toad-1", source="demo", title="Toad", organisms=xenopus, concept_doi="10.1234/toad"
    )
    frogs = [
        Record(id="demo:frog", source="demo", title="Frog", organisms=xenopus),
        toad,
        toad.model_copy(update={"id": "demo:toad-2"}),
    ]
    fill(node.store, frogs)
    sync(node.store, node.engine)
    found = (await get(client, "/api/v1/records/demo:toad-1/similar"))["similar"]
    assert [one["id"] for one in found] == ["demo:frog"]  # the other toad is its family
    assert found[0]["shared"] == [{"field": "organism", "value": "Xenopus laevis", "records": 3}]
    page = await (await client.get("/records/demo:toad-1")).text()
    assert '<a href="/records/demo:frog">Frog</a>' in page
    assert "shares Xenopus laevis" in page
    await get(client, "/api/v1/records/demo:one/similar?size=51", 400)
    await get(client, "/api/v1/records/demo:none/similar", 404)


# ---- matching --------------------------------------------------------------------------------

ROWS = ["10.1234/ONE", "EMPIAR-10001", "Nothing known", "0000-0002-1825-0097", "quagmire"]


async def match(client: Client, body: bytes, kind: str, status: int = 200, **headers: str) -> Any:
    given = {"Content-Type": kind, **headers}
    answer = await client.post("/api/v1/match", data=io.BytesIO(body), headers=given)
    assert answer.status == status, await answer.text()
    if "ndjson" in answer.content_type:
        return [json.loads(line) for line in (await answer.read()).splitlines()]
    return await answer.json(content_type=None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(ROWS), "application/json"),
        (json.dumps({"rows": [{"query": row} for row in ROWS]}), "application/json"),
        ("\n".join(ROWS), "text/csv"),
        ("\ufefftitle,year\n" + "\n".join(f"{row}," for row in ROWS), "text/csv"),
    ],
)
async def test_rows_come_in_several_forms(client: Client, body: str, kind: str) -> None:
    answer = await match(client, body.encode(), kind)
    assert [row["query"] for row in answer["rows"]] == ROWS
    assert [row["meaning"] for row in answer["rows"]] == ["doi", "accession", "title", "orcid", "title"]
    assert [row["row"] for row in answer["rows"]] == [1, 2, 3, 4, 5]
    assert (answer["total"], answer["matched"]) == (5, 4)
    best = answer["rows"][2]["matches"][0]
    assert (best["id"], best["why"], best["confidence"]) == ("demo:bare", "has this title", 0.95)
    assert answer["rows"][2]["certain"]


async def test_many_rows_are_answered_line_by_line(client: Client) -> None:
    rows = ["Nothing known"] * (STREAMED_FROM + 7)
    found = await match(client, json.dumps(rows).encode(), "application/json")
    assert [row["row"] for row in found] == list(range(1, len(rows) + 1))
    assert all(row["matches"][0]["id"] == "demo:bare" for row in found)
    few = await match(client, b"Nothing known", "text/csv", Accept="application/x-ndjson")
    assert len(few) == 1


async def test_a_quote_that_a_title_begins_with_takes_no_other_line_along(client: Client) -> None:
    rows = await match(client, b'"Nothing known\n' + b"quagmire\n" * 9, "text/csv")
    assert [row["query"] for row in rows["rows"]] == ["Nothing known"] + ["quagmire"] * 9


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "text/csv", 400),
        (b"{", "application/json", 400),
        (b"7", "application/json", 400),
        (b'[{"planet": "Mars"}]', "application/json", 400),
        (b"\xff\xfe", "text/csv", 400),
        (b'title\n"never closed\n' + b"a\n" * 70_000, "text/csv", 400),
        (b"a\n" * (MOST_ROWS + 1), "text/csv", 400),
        (b"a" * (MOST_BYTES + 1), "text/csv", 413),
    ],
)
async def test_rows_that_cannot_be_are_refused(client: Client, body: bytes, kind: str, status: int) -> None:
    assert (await match(client, body, kind, status))["detail"]


# ---- OpenRefine ------------------------------------------------------------------------------

TYPE = {"type": "object", "required": ["id", "name"]}
TEXT = {"type": "string"}
SERVICE = {"type": "object", "properties": {"service_url": TEXT, "service_path": {"pattern": "^/"}}}
TEMPLATE = {"type": "string", "pattern": r".*\{\{id\}\}.*"}
MANIFEST = {
    "type": "object",
    "required": ["versions", "name", "identifierSpace", "schemaSpace"],
    "properties": {
        "versions": {"type": "array", "contains": {"enum": ["0.2"]}},
        "view": {"required": ["url"], "properties": {"url": TEMPLATE}},
        "preview": {"required": ["url", "width", "height"], "properties": {"url": TEMPLATE}},
        "defaultTypes": {"type": "array", "items": TYPE},
        "suggest": {"properties": dict.fromkeys(("entity", "property", "type"), SERVICE)},
        "extend": {"properties": {"propose_properties": SERVICE, "property_settings": {"type": "array"}}},
    },
}
FEATURE = {"type": "object", "properties": {"id": TEXT, "value": {"type": ["boolean", "number"]}}}
CANDIDATE = {
    "type": "object",
    "required": ["id", "name", "score"],
    "properties": {
        "score": {"type": "number"}, "match": {"type": "boolean"}, "type": {"type": "array", "items": TYPE},
        "features": {"type": "array", "items": FEATURE},
    },
}  # fmt: skip
RESULTS = {
    "type": "object",
    "additionalProperties": {
        "required": ["result"], "properties": {"result": {"type": "array", "items": CANDIDATE}},
    },
}  # fmt: skip
CELL = {
    "oneOf": [
        {"type": "object", "required": ["str"], "properties": {"str": TEXT}, "additionalProperties": False},
        {"type": "object", "required": ["int"], "properties": {"int": {"type": "integer"}},
         "additionalProperties": False},
    ]
}  # fmt: skip
EXTENDED = {
    "type": "object",
    "required": ["meta", "rows"],
    "properties": {
        "meta": {"type": "array", "items": TYPE},
        "rows": {"additionalProperties": {"additionalProperties": {"type": "array", "items": CELL}}},
    },
}
"""What the schemas of the Reconciliation Service API 0.2 ask of the answers we give."""

RECONCILE = "/api/v1/reconcile"


def holds(schema: Mapping[str, Any], body: object) -> None:
    jsonschema.Draft202012Validator(schema).validate(body)


async def reconcile(client: Client, queries: object, status: int = 200) -> Any:
    answer = await client.post(RECONCILE, data={"queries": json.dumps(queries)})
    assert answer.status == status, await answer.text()
    return await answer.json(content_type=None)


async def test_the_manifest_keeps_to_its_schema_and_its_services_answer(client: Client) -> None:
    manifest = await get(client, RECONCILE)
    holds(MANIFEST, manifest)
    for service in (*manifest["suggest"].values(), manifest["extend"]["propose_properties"]):
        address = (service["service_url"] + service["service_path"]).removeprefix(HERE)
        answer = await client.get(address)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    preview = await client.get(manifest["preview"]["url"].removeprefix(HERE).replace("{{id}}", "demo:one"))
    text = await preview.text()
    assert "&lt;zebrafish&gt;" in text
    assert preview.headers["Content-Security-Policy"].startswith("default-src 'none'")
    view = manifest["view"]["url"].removeprefix(HERE).replace("{{id}}", "demo:one")
    assert (await client.get(view)).status == 200


async def test_a_batch_of_queries_is_reconciled(client: Client) -> None:
    queries = {
        "q0": {"query": "Nothing known"},
        "q1": {"query": "Nothing known", "type": "Software"},
        "q2": {"query": "whatever", "limit": 1, "properties": [{"pid": "doi", "v": "10.1234/one"}]},
        "q3": {"properties": [{"pid": "title", "v": ["Copy 3"]}, {"pid": "year", "v": 2021}]},
        "q4": {"query": "quagmire", "type_strict": "any", "type": ["Dataset"]},
    }
    answer = await reconcile(client, queries)
    holds(RESULTS, answer)
    assert set(answer) == set(queries)
    first = answer["q0"]["result"][0]
    assert (first["id"], first["match"], first["score"]) == ("demo:bare", True, 95.0)
    assert answer["q1"]["result"] == answer["q4"]["result"] == []
    assert len(answer["q2"]["result"]) == 1
    assert answer["q3"]["result"][0]["id"] == "demo:3"
    by_get = await get(client, f"{RECONCILE}?{urlencode({'queries': json.dumps(queries)})}")
    assert by_get == answer


async def test_columns_are_filled_from_records(client: Client) -> None:
    wanted = {
        "ids": ["demo:one", "demo:none"],
        "properties": [{"id": "year"}, {"id": "organism"}, {"id": "bytes"}],
    }
    answer = await client.post(RECONCILE, data={"extend": json.dumps(wanted)})
    body = await answer.json()
    holds(EXTENDED, body)
    assert body["rows"]["demo:one"] == {
        "year": [{"int": 2021}], "organism": [{"str": "Danio rerio"}], "bytes": [{"int": 5_000_000}],
    }  # fmt: skip
    assert body["rows"]["demo:none"] == {"year": [], "organism": [], "bytes": []}


async def test_suggestions_for_a_table(client: Client) -> None:
    assert (await get(client, f"{RECONCILE}/suggest/type?prefix=da"))["result"] == [
        {"id": "Dataset", "name": "Dataset"}
    ]
    assert {"id": "doi", "name": "DOI"} in (await get(client, f"{RECONCILE}/suggest/property?prefix=do"))[
        "result"
    ]
    assert (await get(client, f"{RECONCILE}/suggest/entity?prefix=nothing+kno"))["result"][0][
        "id"
    ] == "demo:bare"
    assert len((await get(client, f"{RECONCILE}/properties?type=Dataset&limit=3"))["properties"]) == 3


async def test_jsonp_takes_names_only(client: Client) -> None:
    assert (await (await client.get(f"{RECONCILE}?callback=jq.f1")).text()).startswith("/**/jq.f1({")
    await get(client, f"{RECONCILE}?callback=alert(1)", 400)


@pytest.mark.parametrize(
    "queries",
    [
        7, {"q0": 7}, {"q0": {"query": "a", "limit": 0}}, {"q0": {"query": "a", "properties": [7]}},
        {f"q{n}": {"query": "a"} for n in range(201)},
    ],
)  # fmt: skip
async def test_queries_that_cannot_be_are_refused(client: Client, queries: object) -> None:
    assert (await reconcile(client, queries, 400))["detail"]


# ---- feeds -----------------------------------------------------------------------------------


async def test_a_search_is_followed_page_by_page(client: Client) -> None:
    seen, address = [], "/feeds/search.json?q=zebrafish&size=4"
    while address:
        feed = await get(client, address)
        seen += [(item["_headwater"]["revision"], item["_headwater"]["id"]) for item in feed["items"]]
        address = feed.get("next_url", "").removeprefix(HERE)
    assert seen == sorted(seen, reverse=True)
    total = (await get(client, "/api/v1/search?q=zebrafish"))["total"]
    assert len(seen) == len(dict(seen)) == total == 6


@pytest.mark.parametrize(
    "query", ["q=is:withdrawn", "withdrawn=only", "q=once+quagmire+nowhere&match=any&withdrawn=only"]
)
async def test_a_feed_holds_what_the_search_finds(client: Client, query: str) -> None:
    feed = await get(client, f"/feeds/search.json?{query}")
    assert [item["_headwater"]["id"] for item in feed["items"]] == ["demo:gone"]
    page = feed["home_page_url"].removeprefix(HERE)
    assert (await get(client, page.replace("/?", "/api/v1/search?")))["total"] == 1


async def test_equal_searches_are_one_feed(client: Client) -> None:
    async def id_of(query: str) -> str:
        answer = await client.get(f"/feeds/search.atom?{query}")
        assert answer.status == 200
        feed = etree.fromstring(await answer.read())
        return str(feed.findtext(f"{{{ATOM}}}id"))

    one = await id_of("q=zebrafish&organism=mouse&size=3")
    assert one == await id_of("organism=mouse&q=zebrafish")
    assert one != await id_of("q=zebrafish")


async def test_an_entry_keeps_its_id_and_readers_are_not_told_twice(client: Client) -> None:
    answer = await client.get("/feeds/search.atom?q=zebrafish&source=demo")
    feed = etree.fromstring(await answer.read())
    ids = [each.findtext(f"{{{ATOM}}}id") for each in feed.findall(f"{{{ATOM}}}entry")]
    assert f"{HERE}/records/demo:one" in ids
    again = await client.get(
        "/feeds/search.atom?q=zebrafish&source=demo", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status == 304


@pytest.mark.parametrize("query", ["sort=newest", "cursor=x", "planet=mars", "size=0", "year=abc"])
async def test_a_feed_refuses_what_has_no_meaning_in_it(client: Client, query: str) -> None:
    assert (await get(client, f"/feeds/search.atom?q=a&{query}", 400))["detail"]


# ---- the command line ------------------------------------------------------------------------


async def test_the_terminal_shows_words_links_and_facets(tmp_path: Path) -> None:
    async with served(tmp_path):
        pass
    out, _ = run("search", "zebrafish", f"--data={tmp_path}", cwd=tmp_path)
    assert "6 results" in out
    assert "Light sheet microscopy of <zebrafish> embryos" in out
    assert "\x1b" not in out
    assert "source: demo 6" in out
    colored, _ = run(
        "search", "zebrafish", f"--data={tmp_path}", cwd=tmp_path, FORCE_COLOR="1", TERM="xterm-256color"
    )
    assert "\x1b]8;" in colored
    assert "https://demo.example/one" in colored
    plain, _ = run(
        "search", "zebrafish", f"--data={tmp_path}", cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm"
    )
    assert "\x1b[33m" not in plain
    assert "\x1b[1;33m" not in plain
    wrong, _ = run("search", "zebrafsih", f"--data={tmp_path}", cwd=tmp_path)
    assert "did you mean: zebrafish" in wrong
    asked = tmp_path / "rows.txt"
    asked.write_text("\n".join(ROWS), "utf-8")
    table, _ = run("match", str(asked), f"--data={tmp_path}", cwd=tmp_path)
    assert "5 rows: 4 matched" in table
    lines, _ = run("match", str(asked), f"--data={tmp_path}", "--json", cwd=tmp_path)
    assert [json.loads(line)["row"] for line in lines.splitlines()] == [1, 2, 3, 4, 5]
    run("match", "nowhere.txt", f"--data={tmp_path}", cwd=tmp_path, code=1)


def test_marks_become_styles_and_nothing_is_markup() -> None:
    text = searching.marked("a &lt;b&gt; [red]<mark>fish</mark>", Style(bold=True))
    assert text.plain == "a <b> [red]fish"
    assert [(span.start, span.end) for span in text.spans] == [(11, 15)]
