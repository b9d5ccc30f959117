"""Strangers' text on every page, feed and form: it is shown, and does nothing."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree, html
from yarl import URL

from api.app import create_app
from api.formats import flat
from api.node import Node
from index.exploring import TABLES
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
    Related,
    Subject,
    Term,
    Withdrawal,
)
from index.store import Store
from tests.api.serving import Client
from tests.index.filling import catalogue, fill

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = {
    "a script": "<script>alert(1)</script>",
    "the end of a script": "</script><script>alert(1)</script>",
    "the end of an attribute": '" onmouseover="alert(1)" x=\'',
    "a picture that fails": "<img src=x onerror=alert(1)>",
    "a template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "the end of a comment": "--><svg onload=alert(1)>",
    "an entity": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "the end of character data": "]]><script>alert(1)</script>",
    "line ends": "one\r\nSet-Cookie: a=b\r\n\r\n<b>two</b>",
    "the other direction": "\u202etxt.exe\u202c \u2066x",
    "a formula": '=HYPERLINK("http://evil.example","x")',
    "braces of TeX": r"\input{/etc/passwd} } @book{x,",
}
ADDRESSES = {
    "a script": "javascript:alert(1)",
    "a script in disguise": " JaVaScRiPt:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "an attribute": 'https://evil.example/" onmouseover="alert(1)',
    "a header": "https://evil.example/\r\nSet-Cookie: a=b",
    "another host by two slashes": "//evil.example/x",
}


def hostile(number: int, text: str, address: str) -> Record:
    """Make a record that says this wherever anything can be said."""
    return Record(
        id=f"demo:{number}", source="demo", title=f"light {text}", description=f"light {text}",
        language=text[:8], version=text, publisher=text,
        identifiers=(Identifier(scheme="url", value=address),),
        creators=(Creator(name=text, given=text, family=text, affiliations=(Affiliation(name=text),)),),
        dates=Dates(published="2020"), license=License(name=text, url=address), keywords=(text,),
        subjects=(Subject(label=text, scheme=text),), organisms=(Term(label=text),),
        imaging_methods=(Term(label=text),),
        funding=(Funding(funder=text, award=text, title=text, url=address),),
        related=(Related(relation="Cites", id=address, scheme="url", title=text),),
        publications=(Publication(title=text, journal=text),),
        files=Files(count=1, formats=(text[:20],), listed=(File(name=text, url=address, format=text[:20]),)),
        links=Links(landing=address, viewer=address, thumbnail=address, download=address, api=address),
    )  # fmt: skip


GONE = hostile(999, TEXTS["a script"], ADDRESSES["a script"]).model_copy(
    update={
        "withdrawn": Withdrawal(date="2021", reason=TEXTS["a picture that fails"], url="javascript:alert(1)")
    }
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("hostile")
    pairs = [(text, address) for text in TEXTS.values() for address in ADDRESSES.values()]
    with Store(folder / "store.sqlite") as store:
        fill(store, [*(hostile(n, *pair) for n, pair in enumerate(pairs)), GONE])
        searched = catalogue(store, folder)
        async with TestClient(TestServer(create_app(Node(store, searched.engine)))) as made:
            yield made
        searched.engine.close()


PAGES = [
    "/?size=100&withdrawn=include&collapse=none", "/?view=table&size=100&withdrawn=include&collapse=none",
    *(f"/facets/{name}" for name in ("creator", "keyword", "funder", "organism", "license", "affiliation")),
    *(f"/records/demo:{n}" for n in range(len(TEXTS) * len(ADDRESSES))), "/records/demo:999",
    "/sources", "/sources/demo", "/explore", "/records/demo:3?show=origins", "/records/demo:3/family",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_shows_it_and_runs_nothing(client: Client, path: str) -> None:
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.status in {200, 410}
    check_page(await answer.text())
    assert "a=b" not in answer.headers.get("Set-Cookie", "")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    "name", ["q", "organism", "-creator", "as_of", "view", "sort", "size", "year", "cursor", "x"]
)
async def test_what_is_asked_comes_back_harmless(client: Client, name: str, text: str) -> None:
    answer = await client.get("/", params={name: text}, headers={"Accept": "text/html"})
    assert answer.status in {200, 400, 410}
    check_page(await answer.text())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("place", ["/records/{}", "/{}", "/sources/{}/loss", "/nowhere?q={}"])
async def test_an_address_that_is_not_there_comes_back_harmless(
    client: Client, place: str, text: str
) -> None:
    address = URL(place.format(quote(text, safe="")), encoded=True)
    answer = await client.get(address, headers={"Accept": "text/html"})
    assert (answer.status, answer.content_type) == (404, "text/html")
    check_page(await answer.text())
    assert "a=b" not in answer.headers.get("Set-Cookie", "")


def check_page(text: str) -> None:
    page = html.document_fromstring(text)
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in {"iframe", "object", "embed", "base", "style"}
        if element.tag == "script":
            assert element.get("src", "").startswith("/web/") or element.get("type") == "application/ld+json"
        if element.tag == "img":
            assert (element.get("src") or "").startswith("/")
        for name, value in element.attrib.items():
            assert not str(name).startswith("on"), name
            if name in {"href", "src", "action"}:
                assert re.match(r"(https?://|/(?!/)|#|\?|$)", str(value)), value
    assert "49" not in "".join(page.xpath("//h2//text()"))  # nobody reckons 7 * 7


@pytest.mark.parametrize("name", TABLES)
async def test_a_chart_shows_it_and_does_nothing(client: Client, name: str) -> None:
    answer = await client.get(f"/explore/{name}.svg")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for element in etree.fromstring(await answer.read()).iter():
        assert etree.QName(element).localname not in {"script", "image", "a", "foreignObject"}
        assert not [name for name in element.attrib if str(name).startswith("on") or "href" in str(name)]


@pytest.mark.parametrize("target", [
    "//evil.example/?year_from=2000", "/\\evil.example/?year_from=2000", "/%2F%2Fevil.example?year_from=2000",
    "/?year_from=//evil.example", "/?q=%0d%0aLocation:%20https://evil.example&year_from=2000",
    "/records/https://evil.example", "/records//evil.example/10.1234/one", "http://evil.example/?year_from=2000",
])  # fmt: skip
async def test_nobody_is_led_elsewhere(client: Client, target: str) -> None:
    port = client.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head = (await reader.read()).partition(b"\r\n\r\n")[0].decode()
    writer.close()
    for where in re.findall(r"(?im)^location: (.*)$", head):
        assert re.match(r"/[^/\\]", where), where


@pytest.mark.parametrize("form", ["ndjson", "csl-json", "datacite", "jsonld", "ris", "bibtex", "csv"])
async def test_every_form_holds_every_record(client: Client, form: str) -> None:
    answer = await client.get("/api/v1/export", params={"format": form, "withdrawn": "include"})
    body = await answer.text()
    count = len(TEXTS) * len(ADDRESSES) + 1
    begun = {"ris": r"^TY  - ", "bibtex": r"^@\w+\{", "csv": r"^demo:"}
    if form in begun:
        assert len(re.findall(begun[form], body, re.MULTILINE)) == count
    else:
        found = (
            orjson.loads(body) if form == "csl-json" else [orjson.loads(each) for each in body.splitlines()]
        )
        assert len(found) == count


@pytest.mark.parametrize("name", TABLES)
async def test_no_cell_of_a_charts_table_begins_like_a_formula(client: Client, name: str) -> None:
    text = await (await client.get(f"/explore/{name}.csv")).text()
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), strict=True) for cell in row]
    assert not any(cell.startswith(flat.FORMULA) for cell in cells)
    assert name not in {"methods", "licenses", "institutions"} or "'" + TEXTS["a formula"] in cells


@pytest.mark.parametrize("path", ["/feeds/search.atom?q=light", "/feeds/withdrawn.atom"])
async def test_feeds_are_well_formed_and_hold_text(client: Client, path: str) -> None:
    root = etree.fromstring(await (await client.get(path)).read())
    for element in root.iter():
        assert etree.QName(element).localname not in {"script", "img", "svg"}
        assert re.match(r"(https?:|$)", element.get("href", ""))


async def test_a_header_is_one_line_whatever_a_record_says(client: Client) -> None:
    for number in range(len(TEXTS) * len(ADDRESSES)):
        answer = await client.get(f"/records/demo:{number}", headers={"Accept": "text/html"})
        assert "Set-Cookie" not in answer.headers
        for link in re.findall(r"<([^>]*)>", answer.headers.get("Link", "")):
            assert re.match("https?://", link), link
