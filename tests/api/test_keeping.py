"""The commands backup, restore and check as an operator meets them, beside a node that is at work."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from api import cli
from index.engines.tantivy import TantivyEngine
from index.scratch import UNFINISHED
from tests.api.test_cli import _address, run, start

Here = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def harvested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which EMPIAR was harvested from its replica."""
    folder = tmp_path_factory.mktemp("harvested")
    run("harvest", "empiar", "--json", cwd=folder)
    return folder


@pytest.fixture
def node(harvested: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(harvested / "data", tmp_path / "data")
    return tmp_path


@pytest.fixture
def here(node: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """Runs commands in this process and in the node's folder: as `run`, without its second of starting."""

    def command(*words: str, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["headwater", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        assert ended.value.code == code, (out, err)
        return out, err

    monkeypatch.chdir(node)
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield command
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A process that serves the node; answers its address."""
    server = start("serve", "--port", "0", cwd=folder)
    try:
        yield _address(server)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


def found(here: Here, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(here("search", *words, "--json")[0])
    return answer


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data/store.sqlite")) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()


def test_a_backup_taken_while_serving_and_harvesting_is_restored_elsewhere(node: Path, here: Here) -> None:
    with served(node) as address:
        harvest = start("harvest", "idr", "ssbd", "--json", cwd=node)
        made = json.loads(here("backup", "b.zst", "--json")[0])
        assert harvest.poll() is None  # it was taken while that was at work
        harvest.communicate(timeout=60)
        assert harvest.returncode == 0
        with urllib.request.urlopen(f"{address}/readyz") as answer:
            assert json.load(answer)["ready"] is True
    restored = json.loads(here("restore", "b.zst", "--data", "other", "--json")[0])
    assert restored["revision"] == made["revision"]
    assert json.loads(here("check", "--data", "other", "--json")[0])["whole"] is True
    assert found(here, "HeLa", "--data", "other")["snapshot"] == made["revision"]


def test_a_folder_gets_a_dated_file_and_the_command_says_what_is_in_it(node: Path, here: Here) -> None:
    (node / "backups").mkdir()
    out, _ = here("backup", "backups")
    (file,) = (node / "backups").iterdir()
    assert file.name in out
    assert "records of 1 sources at revision" in out


def test_ctrl_c_leaves_no_half_backup(node: Path) -> None:
    (node / "backups").mkdir()
    with closing(sqlite3.connect(node / "data/store.sqlite")) as connection:  # big enough to be met midway
        connection.execute("CREATE TABLE ballast (body BLOB)")
        connection.executemany("INSERT INTO ballast VALUES (randomblob(1000000))", [()] * 240)
        connection.commit()
    process = start("backup", "backups/b.zst", cwd=node)
    while not list((node / "backups").glob(f"{UNFINISHED}*/store.sqlite")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, list((node / "backups").iterdir())) == (130, []), err
    assert "everything is as it was" in err


def test_an_older_store_put_back_is_searched_by_an_index_that_forgot_the_newer(
    node: Path, here: Here
) -> None:
    here("backup", "old.zst")
    before = found(here)
    run("harvest", "ssbd", "--json", cwd=node)
    assert found(here)["total"] > before["total"]
    assert "--force" in here("restore", "old.zst", code=1)[1]
    out, _ = here("restore", "old.zst", "--force")
    kept = next((node / "data").glob("store.sqlite.before-*"))
    assert kept.name in out
    assert "as of 2" in out
    run("harvest", "idr", "--json", cwd=node)  # takes the revisions that ssbd had taken
    facet = found(here, "--facets", "source")["facets"]["source"]["values"]
    assert {value["value"] for value in facet} == {"empiar", "idr"}
    assert json.loads(here("check", "--json")[0])["whole"] is True


def test_a_store_that_is_served_is_not_replaced_and_goes_on(node: Path, here: Here) -> None:
    here("backup", "old.zst")
    with served(node) as address:
        assert "stop `headwater serve`" in here("restore", "old.zst", "--force", code=1)[1]
        with urllib.request.urlopen(f"{address}/api/v1/search") as answer:
            assert json.load(answer)["total"] > 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("restore", "nowhere.zst"), 2, "no such file"),
        (("restore", "data/store.sqlite", "--force"), 1, "no backup"),
        (("backup", "nowhere/b.zst"), 1, "make it first"),
        (("backup", "data/store.sqlite"), 1, "no backup"),
        (("backup", "b.zst", "--data", "empty"), 1, "headwater quickstart"),
        (("check", "--data", "empty"), 1, "headwater quickstart"),
    ],
)
def test_a_mistake_is_told_in_one_line(words: Any, code: int, says: str, here: Here) -> None:
    _, err = here(*words, code=code)
    assert says in err
    assert "Traceback" not in err
    assert found(here)["total"] > 0


def test_a_check_says_that_all_is_whole(here: Here) -> None:
    out, _ = here("check")
    assert "store and index are whole and agree" in out
    assert "documents" in out


def test_damage_is_told_with_advice_and_mended(node: Path, here: Here) -> None:
    execute(node, "UPDATE records SET payload = x'00' WHERE rid = 3")
    execute(node, "DELETE FROM links WHERE rid IN (SELECT rid FROM links LIMIT 1)")
    out, err = here("check", code=1)
    assert "records that cannot be unpacked" in err
    assert "empiar:" in err
    assert "headwater check --mend" in out
    mended = json.loads(here("check", "--mend", "--json")[0])
    assert mended["whole"] is True
    assert {found["kind"] for found in mended["mended"]} == {"payload", "names"}
    assert "whole and agree" in here("check")[0]


def test_what_cannot_be_mended_here_is_told_with_what_to_do_and_that_helps(node: Path, here: Here) -> None:
    execute(node, "UPDATE documents SET raw = x'00' WHERE did = 3")
    out, err = here("check", "--mend", code=1)
    assert "mended: 1 documents whose stored text cannot be unpacked" in out
    assert "documents whose text was lost" in err
    assert "headwater harvest SOURCE --full" in out
    run("harvest", "empiar", "--full", "--json", cwd=node)
    here("check")


def test_a_spoiled_index_is_thrown_away_and_made_again(node: Path, here: Here) -> None:
    before = found(here)["total"]
    (node / "data/index/meta.json").write_text("{")
    assert "the index cannot be read" in here("check", code=1)[1]
    here("check", "--mend")
    assert found(here)["total"] == before


def test_an_index_that_another_process_writes_is_not_mended_under_it(node: Path, here: Here) -> None:
    execute(node, "DELETE FROM links")
    engine = TantivyEngine(node / "data/index", writing=True)
    assert "stop `headwater serve`" in here("check", "--mend", code=1)[1]
    (node / "data/index/meta.json").write_text("{")
    assert "stop `headwater serve`" in here("check", "--mend", code=1)[1]
    engine.close()
    here("check", "--mend")


def test_a_file_that_is_no_store_is_told(node: Path, here: Here) -> None:
    (node / "data/store.sqlite").write_bytes(b"no database" * 1000)
    _, err = here("check", code=1)
    assert "headwater restore" in err
    assert "Traceback" not in err
