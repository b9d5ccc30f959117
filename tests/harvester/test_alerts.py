"""What is told, to whom, and when: once, in time, and never at the cost of a harvest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from config.alerts import Command, Mail, Webhook
from config.settings import Settings
from config.timetable import schedule
from harvester import schedule as scheduling
from harvester.alerts import LONGEST_WAIT, Teller
from index import ledger, told
from index import tables as t
from index.store import Store
from tests.harvester.receivers import KEY, Hook, listening

DAY = timedelta(days=1)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with listening() as receiver:
        yield receiver


@dataclass
class Ledger:
    """A store whose runs are made up, and a clock."""

    store: Store
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def run(self, source: str = "idr", state: str = "complete", **counts: int) -> None:
        begun = ledger.begin(self.store, source, origin="live", scope="everything", kind="full")
        with self.store.transaction() as connection:
            connection.execute(
                t.runs.update()
                .where(t.runs.c.id == begun.run_id)
                .values(started_at=f"{self.now:%FT%TZ}", **counts)
            )
        error = None if state == "complete" else "status 403"
        ledger.end(self.store, begun.run_id, state=state, error=error)

    def teller(self, ops: Webhook | Mail | Command, **words: str) -> Teller:
        """A teller as after a start: it knows what the store knows."""
        schedules = {name: schedule(word) for name, word in (words or {"idr": "daily"}).items()}
        return Teller(self.store, {"ops": ops}, schedules, "node.example", 2, lambda: self.now)


@pytest.fixture
def history(store: Store) -> Ledger:
    return Ledger(store)


async def test_a_failure_is_told_once_and_so_is_its_end_across_restarts(hook: Hook, history: Ledger) -> None:
    await history.teller(hook.channel()).look()
    for _ in range(3):
        history.run(state="partial")
        await history.teller(hook.channel()).look()
    assert hook.kinds == [[("idr", "failed")]]
    assert hook.got[0]["events"][0]["error"] == "status 403"
    history.run(state="refused")
    history.run(state="complete", added=4)
    history.run(state="complete", added=2)
    await history.teller(hook.channel()).look()
    await history.teller(hook.channel()).look()
    assert hook.kinds[1:] == [[("idr", "failed"), ("idr", "recovered")]]


async def test_a_run_that_was_lost_is_the_same_trouble_as_one_that_broke_off(
    hook: Hook, history: Ledger
) -> None:
    teller = history.teller(hook.channel())
    await teller.look()
    for state in ("partial", "lost", "partial"):
        history.run(state=state)
        await teller.look()
    assert hook.kinds == [[("idr", "failed")]]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("on_error", ["failed", "recovered"]),
        ("on_change", ["changed", "failed", "recovered"]),
        ("always", ["harvested", "changed", "canceled", "failed", "failing", "recovered"]),
    ],
)
async def test_a_policy_says_what_is_told(
    hook: Hook, history: Ledger, policy: str, expected: list[str]
) -> None:
    teller = history.teller(hook.channel(policy=policy))
    await teller.look()
    history.run()
    history.run(changed=2)
    history.run(state="canceled")
    history.run(state="partial")
    history.run(state="partial")
    history.run()
    await teller.look()
    assert [kind for _, kind in hook.kinds[0]] == expected


async def test_a_new_channel_hears_what_fails_now_and_not_what_was_long_ago(
    hook: Hook, history: Ledger
) -> None:
    history.run("idr", state="refused")
    history.run("idr", added=60)
    history.run("ssbd", added=50)
    history.run("ssbd", state="refused")
    await history.teller(hook.channel(policy="always")).look()
    assert hook.kinds == [[("ssbd", "failed")]]


async def test_a_digest_is_one_message_a_period_that_merges_what_happened_even_over_a_restart(
    hook: Hook, history: Ledger
) -> None:
    wanted = hook.channel(policy="on_change", digest="1h")
    await history.teller(wanted).look()
    history.run(added=1)
    await history.teller(wanted).look()
    for _ in range(3):
        history.run(added=2, changed=1)
        history.run("ssbd", added=5)
        history.now += timedelta(minutes=10)
        await history.teller(wanted).look()
    assert len(hook.got) == 1
    history.now += timedelta(minutes=31)
    await history.teller(wanted).look()
    assert hook.kinds[1:] == [[("idr", "changed"), ("ssbd", "changed")]]
    idr, ssbd = hook.got[1]["events"]
    assert (idr["runs"], idr["counts"]) == (3, {"added": 6, "changed": 3})
    assert idr["text"] == "changed: 6 added, 3 changed in 3 runs"
    assert ssbd["counts"] == {"added": 15}


async def test_a_stale_source_is_told_once_and_again_when_it_is_fresh(hook: Hook, history: Ledger) -> None:
    history.run()
    teller = history.teller(hook.channel(), idr="daily")
    await teller.look()
    history.now += 2 * DAY - timedelta(minutes=1)
    await teller.look()
    assert hook.kinds == []
    for _ in range(3):
        history.now += timedelta(minutes=2)
        await history.teller(hook.channel(), idr="daily").look()
    assert hook.kinds == [[("idr", "stale")]]
    history.run()
    await history.teller(hook.channel(), idr="daily").look()
    assert hook.kinds[1:] == [[("idr", "fresh")]]


async def test_a_source_that_was_never_fresh_or_is_off_or_not_ours(hook: Hook, history: Ledger) -> None:
    """The first is stale from its first failure on; the others never are."""
    for source in ("idr", "ssbd", "empiar"):
        history.run(source, state="partial")
    teller = history.teller(hook.channel(), idr="daily", ssbd="off")
    await teller.look()
    history.now += 30 * DAY
    await teller.look()
    assert hook.kinds[1:] == [[("idr", "stale")]]


async def test_a_channel_that_fails_is_tried_again_with_growing_waits_and_loses_nothing(
    hook: Hook, history: Ledger
) -> None:
    teller = history.teller(hook.channel())
    await teller.look()
    history.run(state="refused")
    hook.status = 503
    with capture_logs() as logged:
        for minutes in (0, 0.5, 1, 1, 2):
            history.now += timedelta(minutes=minutes)
            await teller.look()
    failures = [line for line in logged if line["event"] == "alert not sent"]
    assert [line["failures"] for line in failures] == [1, 2, 3]
    assert KEY not in str(logged)
    hook.status = 204
    history.now += LONGEST_WAIT
    await teller.look()
    assert hook.kinds == [[("idr", "failed")]]
    assert len(set(hook.deliveries)) == 1  # the receiver can tell that it is the same message
    noted = json.loads(told.told(history.store)["ops"])
    assert (noted["sent"], noted["failed"]) == (1, 3)


async def test_one_channel_that_fails_does_not_keep_the_others_from_telling(
    hook: Hook, history: Ledger
) -> None:
    teller = history.teller(hook.channel())
    teller.channels = {"ops": hook.channel(), "pager": Command(kind="command", argv=["/bin/false"])}
    await teller.look()
    history.run(state="refused")
    await teller.look()
    assert hook.kinds == [[("idr", "failed")]]
    assert teller.failed == {"ops": 0, "pager": 1}


async def test_alerts_that_cannot_be_told_at_all_end_nothing(
    hook: Hook, history: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller = history.teller(hook.channel())

    def full(_store: Store) -> Mapping[str, str]:
        raise sa.exc.OperationalError("SELECT", {}, OSError("disk I/O error"))

    with capture_logs() as logged:
        monkeypatch.setattr(told, "told", full)
        telling = asyncio.create_task(teller.keep_telling())
        await _until(lambda: any(line["event"] == "alerts could not be told" for line in logged))
        monkeypatch.undo()
        history.run(state="refused")
        teller.nudge()
        await _until(lambda: hook.kinds == [[("idr", "failed")]])
        telling.cancel()
        await asyncio.wait({telling})


async def test_what_a_harvest_came_to_is_told_while_the_node_runs_and_no_secret_is_stored(
    hook: Hook, store: Store
) -> None:
    settings = Settings(
        data=store.path.parent, offline=True, alerts={"ops": hook.channel(policy="on_change")}
    )
    async with scheduling.keeping(store, settings, ["empiar"], lambda *_: None, lambda _: None):
        await _until(lambda: hook.kinds == [[("empiar", "changed")]])
    assert hook.got[0]["events"][0]["counts"]["added"] >= 40
    files = [file for file in store.path.parent.rglob("*") if file.is_file()]
    assert files
    assert not any(KEY.encode() in file.read_bytes() for file in files)


async def _until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # what is waited for happens elsewhere
            await asyncio.sleep(0.01)
