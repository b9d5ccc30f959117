"""What was withdrawn, what changed and what was held then, as clients, feed readers and people ask for it.

`retold` is a node whose records have a past: one was changed, one was withdrawn, one came back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree

from api import past
from api.app import create_app
from api.feeds import ATOM
from api.node import NODE, Node
from api.openapi import spec
from api.status import Trouble, search
from config.settings import Settings
from index import intake, ledger
from index.record import Links, Record, Withdrawal
from index.store import Store
from tests.api.serving import Client
from tests.index.filling import catalogue, fill

BASE = "https://search.example.org"
NAMES = {"a": ATOM}
GONE = Withdrawal(
    date="2026-01-01", reason="data \x0b & <consent> withdrawn", url="https://demo.example/t?a=1&b=2"
)


def a(id_: str, **fields: Any) -> Record:
    links = Links(landing=f"https://demo.example/{id_}")
    return Record(id=f"demo:{id_}", source="demo", **{"title": f"Title {id_}", "links": links, **fields})


def withdraw(store: Store, **gone: Withdrawal) -> None:
    run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
    intake.withdraw(store, run.run_id, "demo", {f"demo:{id_}": why for id_, why in gone.items()})
    ledger.end(store, run.run_id, state="complete")


def tell(store: Store) -> None:
    """Revisions 1 to 4 add, 5 changes, 6 and 7 withdraw, 8 restores, 9 withdraws with no word of where."""
    fill(store, [a("changed"), a("gone"), a("back"), a("lost")])
    fill(store, [a("changed", title="Title new", keywords=("new",))])
    withdraw(store, gone=GONE, back=GONE)
    fill(store, [a("back")])
    withdraw(store, lost=Withdrawal(reason="no longer listed"))


@pytest.fixture
async def retold(tmp_path: Path) -> AsyncIterator[Client]:
    with Store(tmp_path / "store.sqlite") as store:
        tell(store)
        searched = catalogue(store, tmp_path)
        node = Node(store, searched.engine, public_url=BASE)
        async with TestClient(TestServer(create_app(node))) as client:
            yield client
        searched.engine.close()


async def ask(client: Client, path: str, schema: str | None = None) -> Any:
    answer = await client.get(path)
    body = await answer.json(content_type=None)
    assert answer.status == 200, body
    if schema is not None:
        described = {"$ref": f"#/components/schemas/{schema}", "components": spec()["components"]}
        jsonschema.Draft202012Validator(described).validate(body)
    return body


async def refused(client: Client, path: str, *, status: int = 400) -> str:
    answer = await client.get(path)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    return str((await answer.json(content_type=None))["detail"])


# ---- searching ---------------------------------------------------------------------------------


async def test_a_withdrawn_hit_says_when_why_and_where_to_read_of_it(retold: Client) -> None:
    answer = await ask(retold, "/api/v1/search?withdrawn=only&facets=all", "Answer")
    assert answer["total"] == 2
    gone = next(hit for hit in answer["hits"] if hit["id"] == "demo:gone")
    assert gone["withdrawn"] == GONE.model_dump()
    assert answer["facets"]["access"]["values"] == [{"value": "closed", "label": "closed", "count": 2}]
    assert (await ask(retold, "/api/v1/search"))["total"] == 2
    assert (await ask(retold, "/api/v1/search?withdrawn=include"))["total"] == 4


async def test_a_search_of_the_past_says_which_past(retold: Client) -> None:
    answer = await ask(retold, "/api/v1/search?as_of=4&q=title", "Answer")
    assert (answer["total"], answer["snapshot"]) == (4, 4)
    assert answer["as_of"]["asked"] == "4"
    assert {hit["id"]: hit["to_revision"] for hit in answer["hits"]} == {
        "demo:changed": 5, "demo:gone": 6, "demo:back": 7, "demo:lost": 9,
    }  # fmt: skip
    assert all(hit["withdrawn"] is None for hit in answer["hits"])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("as_of=2001-01-01", "before the first moment we know"),
        ("as_of=2999-01-01", "lies ahead"),
        ("as_of=soon", "none of these"),
        ("withdrawn=maybe", "exclude, include, only"),
    ],
)
async def test_a_past_or_a_choice_there_is_not_is_refused(retold: Client, query: Any, sentence: Any) -> None:
    assert sentence in await refused(retold, f"/api/v1/search?{query}")


async def test_what_is_not_indexed_yet_is_asked_for_later(retold: Client) -> None:
    store = retold.server.app[NODE].store  # type: ignore[attr-defined]
    fill(store, [a("newest")])
    assert "not yet to 10" in await refused(retold, "/api/v1/search?as_of=10", status=503)


async def test_the_page_marks_what_is_withdrawn_and_what_is_past(retold: Client) -> None:
    text = await (await retold.get("/?withdrawn=only")).text()
    assert "withdrawn 2026-01-01" in text
    assert "&lt;consent&gt;" in text
    assert 'href="https://demo.example/t?a=1&amp;b=2"' in text
    then = await (await retold.get("/?as_of=4&withdrawn=&sort=")).text()
    assert "not what it holds today" in then
    assert then.count("since withdrawn") == 2
    assert then.count("since changed") == 2
    refusal = await retold.get("/?as_of=2001-01-01")
    assert refusal.status == 400
    assert "before the first moment we know" in await refusal.text()


# ---- history and changes -----------------------------------------------------------------------


async def test_a_history_tells_what_changed_from_version_to_version(retold: Client) -> None:
    told = await ask(retold, "/api/v1/records/demo:changed/history", "History")
    assert [(v["revision"], v["to_revision"], v["event"]) for v in told["versions"]] == [
        (1, 5, "added"), (5, None, "changed"),
    ]  # fmt: skip
    assert told["versions"][1]["diff"] == [
        {"op": "replace", "path": "/title", "old": "Title changed", "new": "Title new"},
        {"op": "add", "path": "/keywords", "new": ["new"]},
    ]
    assert told["versions"][0]["until"] == told["versions"][1]["at"]


async def test_a_record_that_came_back_says_so(retold: Client) -> None:
    told = await ask(retold, "/api/v1/records/demo:back/history", "History")
    assert [version["event"] for version in told["versions"]] == ["added", "withdrawn", "restored"]
    page = await retold.get("/records/demo:back")
    text = await page.text()
    assert page.status == 200
    assert 'href="/api/v1/records/demo:back/history"' in text
    assert "All 3 versions" in text
    assert text.index("restored") < text.index("<b>withdrawn") < text.index("<b>added")


async def test_a_history_comes_in_pages(retold: Client) -> None:
    first = await ask(retold, "/api/v1/records/demo:back/history?size=2", "History")
    rest = await ask(retold, f"/api/v1/records/demo:back/history?since={first['next']}", "History")
    assert [v["event"] for v in (*first["versions"], *rest["versions"])] == ["added", "withdrawn", "restored"]
    assert rest["versions"][0]["diff"][0]["op"] == "remove"
    assert (first["total"], rest["total"], rest["next"]) == (3, 3, None)


async def test_of_a_record_there_is_not_there_is_no_history(retold: Client) -> None:
    assert "search" in await refused(retold, "/api/v1/records/demo:nobody/history", status=404)


async def test_changes_are_told_in_order_and_to_the_end(retold: Client) -> None:
    told, reached = [], 0
    while True:
        page = await ask(retold, f"/api/v1/changes?since={reached}&size=4", "Changes")
        told += page["changes"]
        reached = page["next"]
        if not page["more"]:
            break
    assert [change["revision"] for change in told] == list(range(1, 10))
    events = ["added"] * 4 + ["changed", "withdrawn", "withdrawn", "restored", "withdrawn"]
    assert [change["event"] for change in told] == events
    assert reached == page["revision"] == 9
    assert (await ask(retold, "/api/v1/changes?since=9"))["changes"] == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("changes?since=99", "begin again with since=0"),
        ("changes?size=0", "from 1 to 1000"),
        ("changes?since=" + "9" * 40, "of 0 or more"),
        ("changes?source=nobody", "never harvested; there are demo"),
        ("changes?until=3", "no parameter named 'until'"),
        ("diff", "from is missing"),
        ("diff?from=7&to=3", "exchange them"),
        ("diff?from=2001-01-01", "from=2001-01-01 is before the first moment"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_advice(retold: Client, path: Any, sentence: Any) -> None:
    assert sentence in await refused(retold, f"/api/v1/{path}")


async def test_a_comparison_counts_all_and_lists_some(retold: Client) -> None:
    whole = await ask(retold, "/api/v1/diff?from=4", "Difference")
    assert whole["total"] == {"appeared": 0, "changed": 1, "vanished": 2, "purged": 0}
    assert whole["sources"] == {"demo": whole["total"]}
    assert [(each["id"], each["difference"]) for each in whole["records"]] == [
        ("demo:changed", "changed"), ("demo:gone", "vanished"), ("demo:lost", "vanished"),
    ]  # fmt: skip
    assert whole["records"][0]["fields"] == ["title", "keywords"]
    first = await ask(retold, "/api/v1/diff?from=4&to=9&size=2", "Difference")
    rest = await ask(retold, f"/api/v1/diff?from=4&to=9&size=2&after={first['next']}", "Difference")
    assert [*first["records"], *rest["records"]] == whole["records"]
    assert first["total"] == rest["total"] == whole["total"]
    assert rest["next"] is None


# ---- feeds -------------------------------------------------------------------------------------


def text_of(element: etree._Element, path: str) -> str:
    (found,) = element.findall(path, NAMES)
    assert found.text
    return found.text


def a_feed(body: bytes) -> etree._Element:
    """Read an Atom feed and look whether it has what RFC 4287 asks of one."""
    feed = etree.fromstring(body)
    assert feed.tag == f"{{{ATOM}}}feed"
    assert feed.findall("a:author/a:name", NAMES)  # an entry without an author has the feed's
    for element in (feed, *feed.findall("a:entry", NAMES)):
        assert urlsplit(text_of(element, "a:id")).scheme == "https"
        assert text_of(element, "a:title")
        assert datetime.fromisoformat(text_of(element, "a:updated")).tzinfo is not None
        links = [
            (link.get("rel"), link.get("type"), link.get("hreflang"))
            for link in element.findall("a:link", NAMES)
        ]
        assert len(links) == len(set(links))
        assert all(urlsplit(str(link.get("href"))).netloc for link in element.findall("a:link", NAMES))
        assert "alternate" in {rel for rel, _, _ in links}
    ids = [text_of(entry, "a:id") for entry in feed.findall("a:entry", NAMES)]
    assert len(ids) == len(set(ids))
    return feed


async def test_the_feed_of_withdrawals_is_atom_and_leads_to_both_tombstones(retold: Client) -> None:
    answer = await retold.get("/feeds/withdrawn.atom")
    assert answer.content_type == "application/atom+xml"
    feed = a_feed(await answer.read())
    lost, gone = feed.findall("a:entry", NAMES)
    assert text_of(lost, "a:title") == "Title lost"
    assert text_of(gone, "a:summary") == "Withdrawn by demo on 2026-01-01: data  & <consent> withdrawn"
    links = {link.get("rel"): link.get("href") for link in gone.findall("a:link", NAMES)}
    assert links == {"alternate": f"{BASE}/records/demo:gone", "related": GONE.url}
    related = lost.find("a:link[@rel='related']", NAMES)
    assert related is not None
    assert related.get("href") == "https://demo.example/lost"
    page = await retold.get("/records/demo:gone")
    assert page.status == 410


async def test_the_feed_goes_back_page_by_page(retold: Client) -> None:
    first = a_feed(await (await retold.get("/feeds/withdrawn.atom?size=1&since=5")).read())
    following = first.find("a:link[@rel='next']", NAMES)
    assert following is not None
    address = urlsplit(str(following.get("href")))
    rest = a_feed(await (await retold.get(f"{address.path}?{address.query}")).read())
    titles = [text_of(feed, "a:entry/a:title") for feed in (first, rest)]
    assert titles == ["Title lost", "Title gone"]
    assert rest.find("a:link[@rel='next']", NAMES) is None
    assert (
        a_feed(await (await retold.get("/feeds/withdrawn.atom?since=9")).read()).find("a:entry", NAMES)
        is None
    )


async def test_the_json_feed_says_the_same(retold: Client) -> None:
    feed = await ask(retold, "/feeds/withdrawn.json")
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["title"] for item in feed["items"]] == ["Title lost", "Title gone"]
    gone = feed["items"][1]
    assert gone["external_url"] == GONE.url
    assert gone["_headwater"]["revision"] == 6
    atom = a_feed(await (await retold.get("/feeds/withdrawn.atom")).read())
    assert [text_of(entry, "a:id") for entry in atom.findall("a:entry", NAMES)] == [
        i["id"] for i in feed["items"]
    ]


async def test_a_feed_that_did_not_change_is_not_sent_again(retold: Client) -> None:
    for kind in ("atom", "json"):
        first = await retold.get(f"/feeds/withdrawn.{kind}")
        again = await retold.get(f"/feeds/withdrawn.{kind}", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")


# ---- the command line --------------------------------------------------------------------------


@pytest.fixture
def told_settings(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path)
    with Store(settings.store_path) as store:
        tell(store)
    return settings


def test_the_command_prints_what_the_api_answers(
    told_settings: Settings, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    past.diff(told_settings, {"from": "4"}, 1, json=True)
    found = orjson.loads(capfdbinary.readouterr().out)
    assert found["total"]["vanished"] == 2
    assert len(found["records"]) == 1
    past.diff(told_settings, {"from": "4", "source": "demo"}, 1, json=False)
    shown = capfdbinary.readouterr().out.decode()
    assert "demo:changed" in shown
    assert "2 more" in shown
    past.diff(told_settings, {"from": "9"}, 1, json=False)
    assert "nothing differs" in capfdbinary.readouterr().out.decode()


def test_the_command_line_searches_the_past_and_the_withdrawn(told_settings: Settings) -> None:
    assert search(told_settings, [("as_of", "4")])["total"] == 4
    assert search(told_settings, [("withdrawn", "only")])["total"] == 2
    with pytest.raises(Trouble, match="before the first moment"):
        search(told_settings, [("as_of", "2001-01-01")])
    with pytest.raises(Trouble, match="exchange them"):
        past.diff(told_settings, {"from": "4", "to": "1"}, 1, json=False)
