"""`headwater export`, `certify`, `rerun`: files are whole or called .part, and go on where they ended."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api import exporting
from api.cli import app
from api.process import Usage
from api.status import Trouble
from index import walk
from index.record import Record
from index.store import Store
from tests.index.filling import fill

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(walk, "BODIES", 3)
    with Store(tmp_path / "data/store.sqlite") as store:
        fill(store, (Record(id=f"demo:{n}", source="demo", title=f"Title {n}") for n in range(20)))
    return tmp_path


def change() -> None:
    with Store(Path("data/store.sqlite")) as store:
        fill(store, [Record(id="demo:3", source="demo", title="Title mended")])


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def stopped_after(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C once so many parts were written: after the body, before it is noted."""
    note, seen = exporting._note, [0]

    def noted(*given: Any) -> None:
        seen[0] += 1
        if seen[0] > parts:
            raise KeyboardInterrupt
        note(*given)

    monkeypatch.setattr(exporting, "_note", noted)


def test_a_file_stands_beside_its_checksum_and_certificate(data: Path) -> None:
    run("export", "title", "--output", "x.ndjson")
    body = (data / "x.ndjson").read_bytes()
    assert len(body.splitlines()) == 20
    assert (data / "x.ndjson.sha256").read_text() == f"{hashlib.sha256(body).hexdigest()}  x.ndjson\n"
    made = json.loads((data / "x.ndjson.certificate.json").read_bytes())
    assert made["export"]["bytes"] == len(body)
    assert made["result"]["count"] == 20
    assert sorted(file.name for file in data.glob("x*")) == [
        "x.ndjson", "x.ndjson.certificate.json", "x.ndjson.sha256",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "parts"), [("ndjson", 0), ("csv", 1), ("csl-json", 4), ("csl-json", 8), ("parquet", 4)]
)
def test_a_stopped_export_goes_on_and_comes_out_the_same_though_the_store_went_on(
    data: Path, monkeypatch: pytest.MonkeyPatch, form: str, parts: int
) -> None:
    run("export", "--format", form, "--output", "whole")
    with monkeypatch.context() as patched:
        stopped_after(parts, patched)
        run("export", "--format", form, "--output", "x", code=130)
    assert not (data / "x").exists()
    if parts > 1:  # what was begun is of the state it was begun in
        change()
    run("export", "--format", form, "--output", "x")
    assert (data / "x").read_bytes() == (data / "whole").read_bytes()
    assert not list(data.glob("x.part*"))


def test_a_killed_export_goes_on(data: Path) -> None:
    program = (
        "import sys, time\nfrom index import walk\nwalk.BODIES = 1\n"
        "from api import exporting\nnote = exporting._note\n"
        "def slow(*given):\n    note(*given)\n    time.sleep(0.05)\n"
        "exporting._note = slow\nfrom api.cli import main\nmain()\n"
    )
    whole = run("export")
    killed = subprocess.Popen(
        [sys.executable, "-c", program, "export", "--output", "x"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=data, stderr=subprocess.PIPE,
    )  # fmt: skip
    noted = data / "x.part.json"
    for _ in range(600):
        if noted.exists() and json.loads(noted.read_bytes())["rows"] > 4:
            break
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=20)
    assert 0 < json.loads(noted.read_bytes())["rows"] < 20
    run("export", "--output", "x")
    assert (data / "x").read_text() == whole


def test_a_part_of_another_search_is_not_gone_on_with(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        stopped_after(3, patched)
        run("export", "--output", "x", code=130)
    with pytest.raises(Trouble, match="of another search"):
        run("export", "mended", "--output", "x")
    (data / "x.part").write_bytes(b"")  # shorter than was noted: what there was is lost
    run("export", "--output", "x")
    assert len((data / "x").read_bytes().splitlines()) == 20


def test_a_file_that_is_there_is_not_overwritten(data: Path) -> None:
    (data / "x").write_text("mine")
    with pytest.raises(Trouble, match="already"):
        run("export", "--output", "x")
    assert (data / "x").read_text() == "mine"


def test_without_output_it_is_printed(data: Path) -> None:
    out = run("export", "--filter", "source=demo", "--sort", "newest", "--as-of", "5")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [f"demo:{n}" for n in range(4, -1, -1)]


def test_a_certificate_is_rerun_from_the_command_line(data: Path) -> None:
    (data / "c.json").write_text(run("certify", "title"))
    assert run("rerun", "c.json").startswith("same: ")
    assert run("certify", "--text").startswith("We searched the research data index Headwater")
    change()
    out = run("rerun", "c.json", code=1)
    assert out.startswith("changed: 1 changed since (20 then, 20 now)")
    assert "demo:3" in out
    assert json.loads(run("rerun", "c.json", "--json", code=1))["counts"]["changed"] == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("export", "--format", "xls"), Trouble), (("export", "--filter", "x"), Usage),
        (("export", "--sort", "relevance"), Trouble), (("rerun", "nowhere.json"), Usage),
        (("certify", "--as-of", "tomorrow"), Trouble), (("rerun", "odd.json"), Trouble),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_line(data: Path, words: tuple[str, ...], error: type[Exception]) -> None:
    (data / "odd.json").write_text("{}")
    with pytest.raises(error):
        run(*words)
