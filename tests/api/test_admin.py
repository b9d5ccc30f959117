"""Operating a node over HTTP: who may, what is done, and that every bit of it is in the log."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.acting import Errands
from api.admin import Admin
from api.app import create_app
from api.clients import Clients
from api.node import Node
from api.sessions import FAILURES, FORGIVEN_AFTER, IDLE, LONGEST, Attempts, Sessions
from config.settings import Settings
from index import ledger
from index.actions import actions
from index.families.decisions import decisions
from index.pauses import pauses
from index.store import Store
from tests.api.serving import BARE, COPY, GONE, Client
from tests.api.test_cli import run
from tests.index.filling import catalogue, fill

TOKEN = "a long enough token of the node"  # noqa: S105  # of tests
BEARER = {"Authorization": f"Bearer {TOKEN}", "X-Operator": "Jane"}
ABROAD = {"X-Forwarded-For": "203.0.113.7"}


@asynccontextmanager
async def operated(
    folder: Path, *, token: str = TOKEN, public_url: str | None = None
) -> AsyncIterator[tuple[Client, Store]]:
    with Store(folder / "store.sqlite") as store:
        fill(store, [BARE, COPY.model_copy(update={"id": "demo:2"}), GONE])
        searched = catalogue(store, folder)
        admin = Admin(lambda: token, Errands(store, folder, offline=True))
        node = Node(store, searched.engine, public_url=public_url, admin=admin, clients=Clients())
        async with TestClient(TestServer(create_app(node))) as client:
            yield client, store
        searched.engine.close()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[tuple[Client, Store]]:
    async with operated(tmp_path) as opened:
        yield opened


async def log_in(client: Client, token: str = TOKEN) -> str:
    """Log in as a browser does; answer the word that the session's forms bear."""
    answer = await client.post("/admin/login", data={"who": "Jane", "token": token})
    text = await answer.text()
    found = re.search(r'name="word" value="([^"]+)"', text)
    assert found, text
    return found[1]


async def asked(client: Client, **wish: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post("/api/v1/admin/actions", json=wish, headers=BEARER)
    return answer.status, await answer.json(content_type=None)


# ---- who may -------------------------------------------------------------------------------------


async def test_a_node_without_a_token_has_nothing_to_operate(client: Client) -> None:
    for path in ("/admin", "/admin/log", "/admin/login"):
        answer = await client.get(path)
        assert (answer.status, "command line" in await answer.text()) == (404, True), path
    assert (await client.post("/admin/actions", data={"action": "run", "source": "demo"})).status == 404
    assert (await client.post("/api/v1/admin/actions", headers=BEARER)).status == 404


async def test_without_a_session_there_is_only_the_question_for_the_token(
    node: tuple[Client, Store],
) -> None:
    client, _ = node
    for path in ("/admin", "/admin/log"):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/admin/login")
    refused = await client.get("/api/v1/admin/actions")
    assert (refused.status, refused.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert (await client.put("/admin")).headers["Allow"] == "GET, HEAD"


async def test_the_cookie_is_for_this_browser_this_site_and_these_pages(tmp_path: Path) -> None:
    async with operated(tmp_path, public_url="https://search.example.org") as (client, _):
        form = {"who": "Jane", "token": TOKEN}
        answer = await client.post("/admin/login", data=form, allow_redirects=False)
        cookie = answer.headers["Set-Cookie"]
        assert all(each in cookie for each in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/admin"))
        assert answer.headers["Location"] == "/admin"


async def test_a_wrong_token_is_refused_logged_and_after_some_not_even_looked_at(
    node: tuple[Client, Store],
) -> None:
    client, store = node
    for _ in range(FAILURES):
        assert (await client.post("/admin/login", data={"who": "Eve", "token": "guess"})).status == 401
    answer = await client.post("/admin/login", data={"who": "Eve", "token": TOKEN})
    assert (answer.status, "too many wrong tokens" in await answer.text()) == (429, True)
    assert (await client.get("/api/v1/admin/actions", headers=BEARER)).status == 429
    tried = [(a.who, a.action, a.outcome) for a in actions(store, 9)]
    assert tried == [("Eve", "login", "refused")] * FAILURES


async def test_a_token_too_short_to_be_one_lets_nobody_in(tmp_path: Path) -> None:
    async with operated(tmp_path, token="") as (client, _):
        assert (await client.post("/admin/login", data={"who": "Eve", "token": ""})).status == 503


async def test_over_plain_http_only_this_machine_may_come(tmp_path: Path) -> None:
    async with operated(tmp_path) as (client, _):
        answer = await client.get("/admin/login", headers=ABROAD)
        assert (answer.status, "in the open" in await answer.text()) == (403, True)
        assert (await client.get("/api/v1/admin/actions", headers={**BEARER, **ABROAD})).status == 403
    async with operated(tmp_path / "b", public_url="https://search.example.org") as (client, _):
        assert (await client.get("/admin/login", headers=ABROAD)).status == 200


async def test_a_form_of_another_site_or_session_does_nothing(node: tuple[Client, Store]) -> None:
    client, store = node
    word = await log_in(client)
    wish = {"action": "pause", "source": "demo", "why": "because"}
    foreign: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"word": word + "x"}, {}),
        ({"word": word}, {"Origin": "https://evil.example"}),
        ({"word": word}, {"Sec-Fetch-Site": "cross-site"}),
        ({"word": word}, {"Origin": "null"}),
    ]
    for more, headers in foreign:
        answer = await client.post("/admin/actions", data={**wish, **more}, headers=headers)
        assert answer.status == 403, (more, headers)
    assert (pauses(store), actions(store, 9)) == ({}, [])
    assert (await client.post("/admin/actions", data={**wish, "word": word})).status == 200
    assert list(pauses(store)) == ["demo"]


async def test_a_session_ends_by_hand(node: tuple[Client, Store]) -> None:
    client, _ = node
    word = await log_in(client)
    await client.post("/admin/logout", data={"word": word})
    assert (await client.get("/admin", allow_redirects=False)).status == 303


def test_a_session_ends_when_nobody_uses_it_and_after_half_a_day_anyway() -> None:
    time = [0.0]
    sessions = Sessions(clock=lambda: time[0])
    idle, _ = sessions.begin("Jane")
    used, _ = sessions.begin("Joe")
    while time[0] + IDLE < LONGEST:
        time[0] += IDLE
        assert sessions.find(used) is not None
        if time[0] > IDLE:
            assert sessions.find(idle) is None
    time[0] = LONGEST + 1
    assert sessions.find(used) is None


def test_wrong_tokens_are_forgotten_after_a_while_and_counted_by_client() -> None:
    time = [0.0]
    attempts = Attempts(clock=lambda: time[0])
    for _ in range(FAILURES):
        assert attempts.wait("a") == 0
        attempts.failed("a")
    assert (attempts.wait("a"), attempts.wait("b")) == (FORGIVEN_AFTER, 0)
    time[0] = FORGIVEN_AFTER
    assert attempts.wait("a") == 0


def test_a_token_in_the_file_of_settings_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text(f'admin_token = "{TOKEN}"')
    _, said = run("status", cwd=tmp_path, code=2)
    assert "admin_token must not stand in" in said
    assert TOKEN not in said


def test_the_token_is_read_from_its_file_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = Settings(admin_token_file=file)
    for each in (TOKEN, TOKEN[::-1]):
        file.write_text(each + "\n")
        assert settings.operating_token() == each


# ---- what is done --------------------------------------------------------------------------------


async def test_a_source_is_paused_with_a_reason_shown_and_resumed(node: tuple[Client, Store]) -> None:
    client, store = node
    assert (await asked(client, action="pause", source="demo"))[0] == 409  # nobody said why
    status, done = await asked(client, action="pause", source="demo", why="their server <moves>")
    assert (status, done["outcome"], done["who"]) == (200, "done", "Jane")
    listed = await (await client.get("/api/v1/sources")).json()
    (demo,) = listed["sources"]
    assert demo["next"] is None
    assert "paused by Jane" in demo["due"]
    assert "their server &lt;moves&gt;" in await (await client.get("/sources/demo")).text()
    assert (await asked(client, action="pause", source="demo", why="again"))[0] == 409
    assert (await asked(client, action="resume", source="demo"))[0] == 200
    assert pauses(store) == {}
    assert (await asked(client, action="resume", source="demo"))[0] == 409


async def test_a_run_under_way_is_asked_to_stop(node: tuple[Client, Store]) -> None:
    client, store = node
    assert (await asked(client, action="cancel", source="demo"))[0] == 409
    begun = ledger.begin(store, "demo", origin="live", scope="everything", kind="full")
    status, done = await asked(client, action="cancel", source="demo")
    assert (status, str(begun.run_id) in done["told"]) == (200, True)
    assert ledger.is_cancel_asked(store, begun.run_id)


async def test_records_are_joined_split_and_let_be_as_before(node: tuple[Client, Store]) -> None:
    client, store = node
    pair = {"one": "demo:bare", "other": "demo:2"}
    assert (await asked(client, action="join", **pair))[0] == 409
    assert (await asked(client, action="join", **pair, why="one plate"))[0] == 200
    assert len((await (await client.get("/api/v1/records/demo:2/family")).json())["members"]) == 2
    status, refused = await asked(client, action="split", **pair, why="two plates")
    assert (status, "says the contrary" in refused["detail"]) == (409, True)
    (decision,) = decisions(store)
    assert (decision.who, decision.why) == ("Jane", "one plate")
    assert (await asked(client, action="undo", number=decision.number))[0] == 200
    assert (await asked(client, action="split", **pair, why="two plates"))[0] == 200
    assert len((await (await client.get("/api/v1/records/demo:2/family")).json())["members"]) == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "action='' is unknown; there are run, retry"),
        ({"action": "delete", "source": "demo"}, "there are run, retry"),
        ({"action": "pause", "source": ["demo"]}, "source must be a text"),
        ({"action": "pause", "source": "demo", "reason": "?"}, "no field 'reason'"),
        ({"action": "undo", "number": "1 or 1"}, "no number of a decision"),
        ({"action": "join", "one": "a", "other": "b", "kind": "twins"}, "there are family and version"),
        ({"action": "run", "source": "x" * 81}, "80 characters at most"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_with_what_would(
    wish: dict[str, Any], said: str, node: tuple[Client, Store]
) -> None:
    status, problem = await asked(node[0], **wish)
    assert (status, said in problem["detail"]) == (400, True), problem


async def test_what_was_refused_is_in_the_log_as_well_and_the_log_goes_on_by_number(
    node: tuple[Client, Store],
) -> None:
    client, _ = node
    for name in ("demo", "nowhere"):
        await asked(client, action="pause", source=name, why="because")
    log = (await (await client.get("/api/v1/admin/actions", headers=BEARER)).json())["actions"]
    assert [(a["about"], a["outcome"]) for a in log] == [("nowhere", "refused"), ("demo", "done")]
    assert log[0]["where_from"] == "127.0.0.1"
    path = f"/api/v1/admin/actions?before={log[0]['number']}"
    assert (await (await client.get(path, headers=BEARER)).json())["actions"] == log[1:]


async def test_the_page_shows_what_came_of_an_action_once(node: tuple[Client, Store]) -> None:
    client, _ = node
    word = await log_in(client)
    wish = {"word": word, "action": "pause", "source": "demo", "why": "<script>alert(1)</script>"}
    text = await (await client.post("/admin/actions", data=wish)).text()
    assert 'class="outcome"' in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert 'class="outcome"' not in await (await client.get("/admin")).text()
    refused = await client.post("/admin/actions", data=wish)
    assert 'role="alert">demo is paused already' in await refused.text()
    assert refused.headers["Cache-Control"] == "no-store"
    assert "demo is paused already" in await (await client.get("/admin/log")).text()


# ---- what takes long -----------------------------------------------------------------------------


async def ended(store: Store, count: int = 1) -> None:
    for _ in range(600):
        if sum(each.outcome == "ended" for each in actions(store, 99)) >= count:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not end")


async def test_a_harvest_by_hand_runs_beside_the_server_and_its_end_is_logged(tmp_path: Path) -> None:
    run("harvest", "ssbd", "--newest", "5", cwd=tmp_path)
    async with operated(tmp_path / "data") as (client, store):
        status, begun = await asked(client, action="run", source="ssbd")
        assert (status, begun["outcome"]) == (202, "begun")
        status, refused = await asked(client, action="run", source="ssbd")
        assert (status, "goes on" in refused["detail"]) == (409, True)
        await ended(store)
        last = actions(store, 1)[0]
        assert (last.begun_by, "ended complete" in last.told) == (begun["number"], True), last
        assert store.source_states()["ssbd"].last_state == "complete"
        assert (await asked(client, action="retry", source="ssbd"))[0] == 202
        await ended(store, 2)


async def test_a_harvest_by_hand_ends_with_the_server_and_keeps_what_it_has(tmp_path: Path) -> None:
    run("harvest", "zenodo", "--newest", "5", cwd=tmp_path)
    async with operated(tmp_path / "data") as (client, _):
        assert (await asked(client, action="run", source="zenodo"))[0] == 202
    with Store(tmp_path / "data" / "store.sqlite") as store:
        assert [each.outcome for each in actions(store, 9)] == ["ended", "begun"]
        assert store.source_states()["zenodo"].last_state in {"complete", "canceled"}


async def test_a_source_nobody_harvested_is_left_to_the_command_line(node: tuple[Client, Store]) -> None:
    status, refused = await asked(node[0], action="run", source="nowhere")
    assert (status, "headwater harvest nowhere" in refused["detail"]) == (409, True)


# ---- from the command line -----------------------------------------------------------------------


def test_a_paused_source_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    run("harvest", "ssbd", "--newest", "5", cwd=tmp_path)
    run("pause", "ssbd", "--why", "it moves", "--who", "Jane", cwd=tmp_path)
    toml = "".join(f"[sources.{n}]\nenabled = false\n" for n in ("idr", "zenodo", "figshare", "dryad"))
    (tmp_path / "headwater.toml").write_text(toml)
    out, said = run("harvest", "--json", cwd=tmp_path)
    assert [each["source"] for each in json.loads(out)] == ["empiar"]
    assert "ssbd is left out, paused by Jane" in said
    assert json.loads(run("harvest", "ssbd", "--json", cwd=tmp_path)[0])[0]["state"] == "complete"
    shown = json.loads(run("sources", "--json", cwd=tmp_path)[0])["sources"]
    assert "it moves" in next(each["due"] for each in shown if each["name"] == "ssbd")
    run("resume", "ssbd", "--who", "Jane", cwd=tmp_path)
    log = json.loads(run("actions", "--json", cwd=tmp_path)[0])["actions"]
    assert [(a["action"], a["where_from"]) for a in log] == [
        ("resume", "command line"), ("pause", "command line"),
    ]  # fmt: skip
    _, said = run("resume", "ssbd", cwd=tmp_path, code=1)
    assert "ssbd is not paused" in said
