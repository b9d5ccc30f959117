"""Sources that the settings switch off, and sources that somebody else is busy with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from api import cli, process
from config.settings import Settings, SourceSettings
from harvester import registry, schedule
from index import ledger
from index.past import note_schedules
from index.store import Store
from tests.api.test_cli import run

OTHERS = [source.card.name for source in registry.SOURCES if source.card.name != "empiar"]
OFF = SourceSettings(enabled=False, schedule="6h")


@pytest.fixture
def only_empiar(tmp_path: Path) -> Path:
    """A folder whose settings switch every source off but EMPIAR."""
    lines = [f"[sources.{name}]\nenabled = false\n" for name in OTHERS]
    (tmp_path / "headwater.toml").write_text("".join(lines))
    return tmp_path


def test_a_harvest_without_names_leaves_out_what_is_switched_off(only_empiar: Path) -> None:
    reports = json.loads(run("harvest", "--json", cwd=only_empiar)[0])
    assert [report["source"] for report in reports] == ["empiar"]


def test_a_name_on_the_command_line_counts_more_than_the_settings() -> None:
    settings = Settings(sources={"idr": OFF})
    assert cli._enabled(settings, ["idr"]) == ["idr"]
    assert "idr" not in cli._enabled(settings, None)
    assert set(cli._enabled(settings, None)) == {*OTHERS, "empiar"} - {"idr"}


def test_when_every_source_is_switched_off_that_is_said() -> None:
    settings = Settings(sources=dict.fromkeys([*OTHERS, "empiar"], OFF))
    with pytest.raises(process.Usage, match="name one"):
        cli._enabled(settings, None)


@pytest.mark.parametrize(
    ("named", "looked_after", "how_often"), [(["idr"], ["idr"], "6h"), (None, ["empiar"], "weekly")]
)
def test_up_harvests_a_source_that_is_switched_off_only_when_it_is_named(
    named: list[str] | None,
    looked_after: list[str],
    how_often: str,
    only_empiar: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = only_empiar / "headwater.toml"
    file.write_text(file.read_text().replace("[sources.idr]\n", '[sources.idr]\nschedule = "6h"\n'))
    kept: dict[str, str] = {}

    @asynccontextmanager
    async def told(_store: Store, settings: Settings, names: Sequence[str], *_: Any) -> AsyncIterator[None]:
        kept.update({name: when.text for name, when in schedule.effective(settings, names).items()})
        asyncio.get_running_loop().call_soon(ended.set)
        yield

    ended = asyncio.Event()
    monkeypatch.setattr(schedule, "keeping", told)
    monkeypatch.setattr(process, "until_stopped", lambda work: asyncio.run(_until(work, ended)))
    monkeypatch.chdir(only_empiar)
    with pytest.raises(typer.Exit):
        cli.up(named, port=0)
    assert kept == {looked_after[0]: how_often}


async def _until(work: Any, ended: asyncio.Event) -> int:
    task = asyncio.ensure_future(work())
    waiting = asyncio.ensure_future(ended.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    await asyncio.wait({task})
    return 0


async def test_a_source_switched_off_is_shown_as_off_and_not_as_overdue(store: Store) -> None:
    begun = ledger.begin(
        store, "idr", origin="replica", scope="everything", kind="full", card={"schedule": "weekly"}
    )
    ledger.end(store, begun.run_id, state="complete")
    note_schedules(store, {"idr": "weekly"})
    settings = Settings(data=store.path.parent, offline=True, sources={"idr": OFF})
    async with schedule.keeping(store, settings, [], lambda *_: None, lambda _: None):
        assert store.source_states()["idr"].card["schedule"] == "off"


def test_reading_again_leaves_a_source_that_is_being_harvested_and_goes_on(tmp_path: Path) -> None:
    for name in ("empiar", "idr"):
        run("harvest", name, "--json", cwd=tmp_path)
    with Store(tmp_path / "data" / "store.sqlite") as store:
        ledger.begin(store, "empiar", origin="replica", scope="everything", kind="full")
        out, err = run("reread", "--json", cwd=tmp_path, code=1)
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("empiar: ")]
    assert "wait for it or stop it" in line
    assert [(report["source"], report["state"]) for report in json.loads(out)] == [("idr", "complete")]
