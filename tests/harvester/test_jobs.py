"""What a command of the harvester does is chosen by what is known already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from config.settings import Settings, SourceSettings
from harvester import jobs
from harvester.jobs import Wanted, harvest_all
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Fault, Replica
from index import tables as t
from index.store import Store


async def harvested(settings: Settings, *names: str, **wanted: Any) -> list[str]:
    """Harvest; answer how each run ended, newest first, with its kind."""
    await harvest_all(settings, Wanted(names, **wanted), lambda _: None, lambda _name, _text: None)
    with Store(settings.store_path) as store:
        return [f"{run['kind']} {run['state']}" for run in store.runs(names[0])]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, offline=True)


async def test_the_first_harvest_is_of_everything_and_the_next_of_changes(settings: Settings) -> None:
    assert await harvested(settings, "dryad") == ["full complete"]
    assert await harvested(settings, "dryad") == ["changes complete", "full complete"]
    assert (await harvested(settings, "dryad", full=True))[0] == "full complete"


async def test_an_upstream_that_cannot_tell_changes_is_always_walked_whole(settings: Settings) -> None:
    assert await harvested(settings, "empiar") == ["full complete"]
    assert await harvested(settings, "empiar") == ["full complete", "full complete"]


async def test_a_sweep_is_due_after_some_days(settings: Settings) -> None:
    await harvested(settings, "dryad")
    with Store(settings.store_path) as store, store.transaction() as connection:
        connection.execute(sa.update(t.sources).values(complete_at="2020-01-01T00:00:00Z"))
    assert (await harvested(settings, "dryad"))[0] == "full complete"
    assert (await harvested(settings, "dryad"))[0] == "changes complete"


async def test_a_new_scope_begins_with_everything_even_when_its_first_harvest_breaks_off(
    settings: Settings,
) -> None:
    async with Replica(REPLICAS["dryad"], Stock().of("dryad")) as replica:
        await harvested(settings, "dryad", replica=replica.base)
        replica.faults.append(Fault("403", times=100))
        broken = await harvested(settings, "dryad", replica=replica.base, scope="everything")
        replica.faults.clear()
        mended = await harvested(settings, "dryad", replica=replica.base, scope="everything")
        held = len(replica.holdings)
    assert (broken[0], mended[0]) == ("full refused", "full complete")
    with Store(settings.store_path) as store:
        assert store.counts()["dryad"]["current"] == held


async def test_a_scope_of_the_settings_is_taken(tmp_path: Path) -> None:
    everything = SourceSettings(scope="everything")
    settings = Settings(data=tmp_path, offline=True, sources={"dryad": everything})
    await harvested(settings, "dryad")
    with Store(settings.store_path) as store:
        assert store.source_states()["dryad"].scope == "everything"


async def test_canceling_where_nothing_runs_says_so(settings: Settings) -> None:
    await harvested(settings, "empiar")
    assert jobs.cancel(settings, ["empiar", "dryad"]) == {}
