"""The page of one repository: complete, fresh, what its records state, and what went wrong in plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from api.aging import SHOWN, aged, drawn
from index import ledger
from index.entry import HAS
from index.incidents import incidents
from index.past import Harvest, completed
from index.store import Store
from tests.api.serving import Client
from tests.api.test_pages import page


def run(state: str, day: int, kind: str = "changes", error: str | None = None) -> dict[str, Any]:
    return {
        "kind": kind, "state": state, "started_at": f"2026-11-{day:02}T06:00:00Z",
        "ended_at": f"2026-11-{day:02}T06:10:00Z", "error": error,
    }  # fmt: skip


def test_failures_in_a_row_are_one_incident_that_the_next_complete_harvest_ends() -> None:
    told = incidents(
        [
            run("refused", 9, error="403"),
            run("complete", 8),
            run("complete", 7, kind="sample"),
            run("canceled", 6),
            run("partial", 5, error="no answer"),
            run("lost", 4),
            run("complete", 3, kind="full"),
        ]
    )
    newest, older = (each.in_words() for each in told)
    assert newest == (
        "Since 2026-11-09T06:00:00Z and goes on: one harvest failed; it was refused by the repository (403)."
    )
    assert older == (
        "Since 2026-11-04T06:00:00Z until 2026-11-08T06:10:00Z: 2 harvests failed; "
        "the last broke off before the end of the list (no answer)."
    )
    assert incidents([]) == []
    assert incidents([run("complete", 1), run("running", 2)]) == []


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def harvest(days_ago: float, hours: float = 0) -> Harvest:
    ended = NOW - timedelta(days=days_ago)
    return Harvest(ended - timedelta(hours=hours), ended)


def saw(*harvests: Harvest) -> list[tuple[float, float]]:
    """Answer how many days ago it was how many days old."""
    day = timedelta(days=1)
    return [((NOW - point.at) / day, point.age / day) for point in aged(harvests, NOW)]


def test_age_rises_by_a_day_a_day_and_falls_at_the_end_of_each_complete_harvest() -> None:
    assert saw(harvest(10), harvest(6), harvest(5)) == [(10, 0), (6, 4), (6, 0), (5, 1), (5, 0), (0, 5)]
    assert saw(harvest(200), harvest(100), harvest(30)) == [(90, 10), (30, 70), (30, 0), (0, 30)]
    assert saw(harvest(100)) == [(90, 10), (0, 100)]
    assert saw() == []


def test_a_harvest_is_as_old_at_its_end_as_it_took() -> None:
    assert saw(harvest(4), harvest(2, hours=24)) == [(4, 0), (2, 2), (2, 1), (0, 3)]


def test_the_picture_of_ages_says_in_words_what_it_shows() -> None:
    made = drawn(aged([harvest(10), harvest(6), harvest(1 / 24)], NOW))
    assert made["told"] == (
        "Since 2026-11-13 the newest complete harvest was 5 days old at its oldest; now it is 1 hour old."
    )
    assert [label for _, label in made["ticks"]] == ["0", "3", "6"]
    assert made["line"].startswith("0 100L144 33.3L144 100L")


@pytest.mark.parametrize("hours", [1, 24])
def test_the_picture_stays_small_however_often_a_source_is_harvested(hours: int) -> None:
    often = [harvest(hour / 24) for hour in range(89 * 24, 0, -hours)]
    gap = [each for each in often if not timedelta(days=20) < NOW - each.ended < timedelta(days=35)]
    line = [tuple(map(float, point.split())) for point in drawn(aged(gap, NOW))["line"].split("L")]
    assert len(line) <= 3 * 361
    assert line == sorted(line, key=lambda point: point[0])
    assert min(y for _, y in line) == 25  # 15 days of 20


def test_only_complete_harvests_make_a_source_fresh(tmp_path: Path) -> None:
    long_ago = NOW - SHOWN
    with Store(tmp_path / "store.sqlite") as store:

        def run(kind: str, state: str, origin: str = "live") -> None:
            begun = ledger.begin(store, "demo", origin=origin, scope="everything", kind=kind)
            ledger.end(store, begun.run_id, state=state)

        run("sample", "complete")
        assert completed(store, "demo", long_ago) == []
        for kind, state in (("full", "partial"), ("full", "complete"), ("sample", "complete")):
            run(kind, state)
        run("changes", "refused")
        run("changes", "complete", origin="replica")
        assert len(completed(store, "demo", long_ago)) == 1
        run("changes", "complete")
        assert len(completed(store, "demo", long_ago)) == 2
        assert len(completed(store, "demo", datetime.now(UTC) + timedelta(days=1))) == 1


async def test_a_repository_shows_how_fresh_it_was(client: Client) -> None:
    html = await page(client, "/sources/demo")
    assert "the newest complete harvest was less than a minute old at its oldest" in html
    assert re.search(
        r'<svg class="aging"[^>]* role="img" aria-labelledby="age" aria-describedby="aged"', html
    )


async def test_a_repository_of_samples_alone_was_never_fresh(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.sourcepage.completed", lambda *_: [])
    html = await page(client, "/sources/demo")
    assert "never completely harvested" in html
    assert 'class="aging"' not in html


async def test_a_repository_tells_how_it_stands(client: Client) -> None:
    html = await page(client, "/sources/demo")
    assert "Nothing in the last" in html
    assert "1 documents could not be read: the title is missing (1)" in html
    assert "origin: replica" in html
    assert (await client.get("/sources/nobody")).status == 404


async def test_every_share_is_of_what_its_links_find(client: Client) -> None:
    html = await page(client, "/sources/demo")
    rows = re.findall(r'<td class="number"><a href="([^"]*)">([0-9,]+)</a></td>', html)
    assert len(rows) == 2 * len(HAS)
    for address, count in rows:
        found = await page(client, unescape(address) + "&collapse=none")
        assert f"<b>{count}</b>" in found, address
    whole = 7
    for (_, one), (_, other) in zip(rows[::2], rows[1::2], strict=True):
        assert int(one) + int(other) == whole
