"""/api/v1/export streams the whole, and whoever lost a part can fetch it; certificates are kept or broken."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from api import export
from api.formats.forms import FORMS
from api.node import NODE
from api.slots import SLOTS
from index import intake, walk
from index.record import Record, Withdrawal
from index.sync import sync
from tests.api.serving import FULL, Client
from tests.index.filling import fill


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "PAGE", 3)
    monkeypatch.setattr(walk, "BODIES", 2)


async def fetch(client: Client, query: str, status: int = 200, **headers: str) -> bytes:
    answer = await client.get(f"/api/v1/export?{query}", headers=headers)
    assert answer.status == status, await answer.text()
    return await answer.read()


async def sentence(client: Client, path: str, status: int, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    return str((await answer.json())["detail"])


def change(client: Client, *records: Record) -> None:
    node = client.app[NODE]
    fill(node.store, records)
    sync(node.store, node.engine)


def ids(body: bytes) -> list[str]:
    return [json.loads(line)["id"] for line in body.splitlines()]


async def test_an_export_is_whole_and_says_what_it_is(client: Client) -> None:
    answer = await client.get("/api/v1/export?organism=zebrafish&sort=newest")
    assert answer.headers["X-Headwater-Count"] == "6"
    assert answer.headers["Content-Disposition"].endswith('.ndjson"')
    found = await (await client.get("/api/v1/search?organism=zebrafish&sort=newest")).json()
    assert ids(await answer.read()) == [hit["id"] for hit in found["hits"]]
    assert answer.headers["X-Headwater-Revision"] == str(found["snapshot"])
    link = answer.headers["Link"]
    assert link.startswith(
        "<https://search.example.org/api/v1/certificate?organism=zebrafish&sort=newest&as_of="
    )


@pytest.mark.parametrize("form", list(FORMS))
async def test_every_form_is_streamed_with_its_type_and_checksum(client: Client, form: str) -> None:
    answer = await client.get(f"/api/v1/export?format={form}")
    body = await answer.read()
    assert answer.content_type == FORMS[form].media_type
    expected = {"format": form, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    address = f"/api/v1/certificate?format={form}"
    assert (await (await client.get(address)).json())["export"] == expected  # remembered
    client.app[export.SUMS].__init__()  # type: ignore[misc]
    assert (await (await client.get(address)).json())["export"] == expected  # written anew


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.resumable])
async def test_the_rest_after_any_record_completes_a_broken_body_though_the_node_went_on(
    client: Client, form: str
) -> None:
    whole = await client.get(f"/api/v1/export?format={form}&sort=newest")
    body, revision, etag = await whole.read(), whole.headers["X-Headwater-Revision"], whole.headers["ETag"]
    change(
        client, FULL.model_copy(update={"title": "Changed"}), Record(id="demo:new", source="demo", title="N")
    )
    for id_ in ids(await fetch(client, f"sort=newest&as_of={revision}")):
        rest = await client.get(
            f"/api/v1/export?format={form}&sort=newest&as_of={revision}&after={id_}",
            headers={"If-Match": etag},
        )
        assert rest.status == 200
        assert body.endswith(await rest.read())
        assert rest.headers["ETag"] == etag


async def test_a_client_that_has_it_gets_304_and_one_that_began_with_another_412(client: Client) -> None:
    etag = (await client.head("/api/v1/export?q=copy")).headers["ETag"]
    assert await fetch(client, "q=copy", 304, **{"If-None-Match": etag}) == b""
    assert (await client.head("/api/v1/export?q=copy&format=csv")).headers["ETag"] != etag
    change(client, FULL.model_copy(update={"id": "demo:9", "title": "Copy 9"}))
    assert "start again" in await sentence(client, "/api/v1/export?q=copy", 412, **{"If-Match": etag})


async def test_a_head_tells_how_many_rows_without_writing_any(client: Client) -> None:
    answer = await client.head("/api/v1/export?q=copy")
    assert answer.headers["X-Headwater-Count"] == "5"
    assert await answer.read() == b""


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("size=10", "leave it out"), ("cursor=x", "leave it out"), ("format=xls", "there are ndjson"),
        ("sort=relevance", "choose kept"), ("colour=red", "no parameter named"),
        ("after=demo:1", "as_of=REVISION"),
        ("as_of=7&after=demo:none", "no such record"),
        ("as_of=99999", "not reached"),
        ("format=parquet&as_of=7&after=demo:1", "start again"),
    ],
)  # fmt: skip
async def test_what_cannot_be_exported_is_refused_with_advice(
    client: Client, query: str, advice: str
) -> None:
    assert advice in await sentence(client, f"/api/v1/export?{query}", 400)


async def test_more_exports_than_there_is_room_for_are_sent_away(client: Client) -> None:
    slots = client.app[SLOTS]
    with slots.taken(), slots.taken():
        answer = await client.get("/api/v1/export")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "30"
        assert (await client.get("/api/v1/search")).status == 200  # a search has threads of its own
    assert (await client.get("/api/v1/export")).status == 200


async def test_a_result_that_is_purged_on_the_way_is_cut_off_not_cut_short(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = walk.versions

    def purged(store: Any, pairs: Any) -> Any:
        if purging:
            intake.forget(store, "demo")
        purging.append(True)
        return read(store, pairs)

    purging: list[bool] = []
    monkeypatch.setattr(walk, "versions", purged)
    answer = await client.get("/api/v1/export")
    with pytest.raises(ClientPayloadError):
        await answer.read()


async def test_a_client_that_takes_nothing_loses_its_slot(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "STALLED", 0.2)
    description = " ".join(f"word{n}" for n in range(60_000))
    large = [
        Record(id=f"demo:big{n}", source="demo", title="Big", description=description) for n in range(60)
    ]
    change(client, *large)
    answer = await client.get("/api/v1/export?q=big")
    for _ in range(100):
        if client.app[SLOTS]._taken == 0:
            break
        await asyncio.sleep(0.1)
    assert client.app[SLOTS]._taken == 0
    with pytest.raises(ClientPayloadError):
        await answer.read()


# ---- certificates ------------------------------------------------------------------------------


async def certified(client: Client, query: str) -> Any:
    answer = await client.get(f"/api/v1/certificate?{query}")
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def rerun(client: Client, certificate: Any, size: int = 100) -> Any:
    answer = await client.post(f"/api/v1/rerun?size={size}", json=certificate)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_a_certificate_says_what_a_reader_needs(client: Client) -> None:
    made = await certified(client, "q=copy&organism=zebrafish&organism=mouse&-year=2020")
    assert made["parameters"] == {"q": ["copy"], "organism": ["zebrafish", "mouse"], "-year": ["2020"]}
    assert made["result"]["count"] == 5
    assert made["sources"]["demo"]["origin"] == "replica"
    assert made["sources"]["demo"]["count"] == 5
    assert f"as_of={made['result']['revision']}" in made["address"]
    again = await client.get(made["address"].removeprefix("https://search.example.org"))
    assert (await again.json())["total"] == 5
    for part in ("organism = zebrafish or mouse", "5 records", made["result"]["sha256"], "from a replica"):
        assert part in made["text"]


async def test_parameters_may_be_posted(client: Client) -> None:
    by_address = await certified(client, "q=copy&source=demo&format=ris")
    answer = await client.post("/api/v1/certificate", json={"q": "copy", "source": ["demo"], "format": "ris"})
    made = await answer.json()
    assert {**made, "made_at": 0} == {**by_address, "made_at": 0}
    for body, path in (("[1]", ""), ("{", ""), ("{}", "?q=x")):
        refused = await client.post(f"/api/v1/certificate{path}", data=body)
        assert refused.status == 400


async def test_an_unchanged_node_says_same(client: Client) -> None:
    found = await rerun(client, await certified(client, "q=copy"))
    assert found["outcome"] == "same"
    assert found["changes"] == []
    assert found["same_ids"]


async def test_a_node_that_went_on_says_what_changed(client: Client) -> None:
    made = await certified(client, "q=copy")
    change(
        client,
        FULL.model_copy(update={"id": "demo:0", "title": "Copy 0, mended"}),
        FULL.model_copy(update={"id": "demo:1", "withdrawn": Withdrawal(reason="retracted")}),
        FULL.model_copy(update={"id": "demo:8", "title": "Copy 8"}),
    )
    found = await rerun(client, made)
    assert found["outcome"] == "changed"
    assert found["counts"] == {"appeared": 1, "changed": 1, "vanished": 1}
    assert [(each["id"], each["change"], each["why"]) for each in found["changes"]] == [
        ("demo:0", "changed", None), ("demo:1", "vanished", "withdrawn"), ("demo:8", "appeared", None),
    ]  # fmt: skip
    assert (await rerun(client, made, size=1))["more"] == 2


async def test_another_node_says_what_it_can(client: Client) -> None:
    made = await certified(client, "q=copy")
    made["result"]["at"] = "2020-01-01T00:00:00Z"  # this revision was reached at another time: another store
    found = await rerun(client, made)
    assert found["outcome"] == "elsewhere"
    assert found["same_ids"]
    made["result"]["revision"] = 10**6
    found = await rerun(client, made)
    assert (found["outcome"], found["then"]) == ("elsewhere", None)
    made["result"]["sha256_ids"] = "0" * 64
    assert not (await rerun(client, made))["same_ids"]


async def test_a_certificate_that_was_tampered_with_disagrees(client: Client) -> None:
    made = await certified(client, "q=copy")
    made["parameters"]["q"] = ["nothing"]
    found = await rerun(client, made)
    assert found["outcome"] == "disagrees"
    assert "understands the search otherwise" in found["text"]


@pytest.mark.parametrize(
    "body", ["", "{}", '{"certificate": 1}', '{"certificate": 99}', "null", '"x"', "[" * 5000]
)
async def test_what_is_no_certificate_is_refused(client: Client, body: str) -> None:
    answer = await client.post("/api/v1/rerun", data=body)
    assert answer.status == 400
    assert "certificate" in (await answer.json())["detail"]


async def test_a_certificate_of_a_newer_form_is_refused(client: Client) -> None:
    made = await certified(client, "q=copy")
    answer = await client.post("/api/v1/rerun", json={**made, "certificate": 2})
    assert answer.status == 400
    assert "upgrade" in (await answer.json())["detail"]


# ---- pages -------------------------------------------------------------------------------------


async def test_an_expired_relevance_cursor_says_so_and_one_by_a_field_goes_on(client: Client) -> None:
    by_score = await (await client.get("/api/v1/search?q=copy&size=2")).json()
    by_date = await (await client.get("/api/v1/search?q=copy&size=2&sort=kept")).json()
    change(client, FULL.model_copy(update={"id": "demo:9", "title": "Copy 9"}))
    client.app[NODE].engine._held.clear()  # type: ignore[attr-defined]  # as after a restart
    detail = await sentence(client, f"/api/v1/search?q=copy&size=2&cursor={by_score['next']}", 410)
    assert "start the search again" in detail
    path = f"/api/v1/search?q=copy&size=100&sort=kept&cursor={by_date['next']}"
    rest = await (await client.get(path)).json()
    assert [hit["id"] for hit in rest["hits"]] == ["demo:2", "demo:3", "demo:4"]
    assert rest["total"] == 5
