"""When a source was harvested last and is due next, wherever it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from api.due import in_words, shape_due
from api.node import NODE
from api.sources import CARD
from index import ledger
from index import tables as t
from index.past import note_schedules, pasts
from index.store import Store
from tests.api.serving import Client
from tests.api.test_cli import run


def test_a_source_under_way_has_no_next_moment(store: Store) -> None:
    begun = ledger.begin(store, "idr", origin="live", scope="everything", kind="full")
    shown = shape_due("idr", "weekly", pasts(store)["idr"])
    assert shown == {"last": None, "next": None, "due": "under way"}
    ledger.end(store, begun.run_id, state="refused")
    shown = shape_due("idr", "weekly", pasts(store)["idr"])
    assert shown["due"] == "weekly, after refused"
    assert shown["last"] is not None
    assert shown["next"] is not None
    assert timedelta(days=6) < datetime.fromisoformat(shown["next"]) - datetime.now(UTC)


def test_a_word_that_somebody_newer_left_is_not_guessed_at() -> None:
    assert shape_due("idr", "fortnightly", None) == {"last": None, "next": None, "due": "not known"}
    assert shape_due("idr", None, None)["due"] == "not known"


def test_a_moment_is_told_in_words() -> None:
    now = datetime.now(UTC)
    told = [
        in_words((now + wait).isoformat())
        for wait in (
            timedelta(days=3),
            timedelta(hours=25),
            timedelta(hours=5),
            timedelta(minutes=1),
            timedelta(days=-2),
        )
    ]
    assert told == ["in 3 days", "in 1 day", "in 5 hours", "in 1 minute", "now"]
    assert in_words(None) == ""


async def test_the_api_and_the_page_show_what_the_harvester_left_in_the_store(client: Client) -> None:
    store = client.app[NODE].store
    card = orjson.dumps({name: f"its {name}" for name in CARD}).decode()
    with store.transaction() as connection:
        connection.execute(t.sources.update().values(card=card))
    note_schedules(store, {"demo": "off"})
    (source,) = (await (await client.get("/api/v1/sources")).json())["sources"]
    assert (source["schedule"], source["next"], source["due"]) == ("off", None, "off")
    assert source["last"] is not None
    note_schedules(store, {"demo": "weekly"})
    (source,) = (await (await client.get("/api/v1/sources")).json())["sources"]
    assert (
        f'Due weekly, next in 7 days <span class="small">{source["next"]}'
        in await (await client.get("/sources")).text()
    )


def test_the_command_line_shows_every_source_also_one_never_harvested(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text("[sources.idr]\nschedule = 'off'\n")
    listed = json.loads(run("sources", "--json", cwd=tmp_path)[0])["sources"]
    shown = {source["name"]: (source["schedule"], source["due"]) for source in listed}
    assert shown["idr"] == ("off", "off")
    assert shown["empiar"] == ("weekly", "never harvested")
    assert "now (never harvested)" in run("sources", cwd=tmp_path)[0]


def test_a_schedule_there_is_not_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text("[sources.idr]\nschedule = 'sometimes'\n")
    _, err = run("sources", cwd=tmp_path, code=2)
    assert "sources.idr.schedule" in err
    assert "6h" in err
    (tmp_path / "headwater.toml").write_text(
        "[alerts.ops]\nkind = 'webhook'\nurl = 'https://example.org/'\nsecret = 'unseen'\n"
    )
    _, err = run("up", cwd=tmp_path, code=2)
    assert "secret_file" in err
    assert "unseen" not in err
