"""The command line as a person meets it: results, errors in one line, exit codes, help with examples."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from config import VERSION

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "quickstart",
    "harvest",
    "up",
    "serve",
    "sources",
    "status",
    "search",
    "match",
    "subscriptions",
    "diff",
    "export",
    "certify",
    "rerun",
    "read",
    "reindex",
    "reread",
    "rehearse",
    "quarantine",
    "backup",
    "restore",
    "check",
)


def start(*words: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return python("-m", "api.cli", *words, cwd=cwd, **environment)


def python(*words: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "HEADWATER_OFFLINE": "1", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: str, cwd: Path, code: int = 0, **environment: str) -> tuple[str, str]:
    process = start(*words, cwd=cwd, **environment)
    out, err = process.communicate(timeout=90)
    assert process.returncode == code, (out, err)
    return out, err


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which EMPIAR was harvested from its replica."""
    folder = tmp_path_factory.mktemp("node")
    out, _ = run("harvest", "empiar", "--json", cwd=folder)
    (report,) = json.loads(out)
    assert report["state"] == "complete"
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, tmp_path: Path) -> None:
    out, _ = run(command, "--help", cwd=tmp_path)
    assert "Examples" in out
    assert f"headwater {command}" in out


def test_harvesting_again_adds_nothing_and_says_so(node: Path) -> None:
    out, err = run("harvest", "empiar", cwd=node)
    assert "unchanged" in out + err
    assert "origin: replica" in out + err


def test_status_and_sources_tell_what_is_held(node: Path) -> None:
    out, err = run("status", cwd=node)
    assert "empiar" in out
    assert "origin: replica" in out + err
    status = json.loads(run("status", "--json", cwd=node)[0])
    assert status["sources"]["empiar"]["current"] >= 40
    assert status["revision"] == status["indexed"]
    empiar = status["sources"]["empiar"]
    assert (empiar["code"], empiar["unchanged_answers"]) == (VERSION, 0)
    listed = json.loads(run("sources", "--json", cwd=node)[0])["sources"]
    assert {"empiar"} <= {source["name"] for source in listed}
    assert "empiar" in run("sources", cwd=node)[0]


def test_search_answers_like_the_api(node: Path) -> None:
    out, _ = run("search", "HeLa", "--json", "--facets", "license", cwd=node)
    answer = json.loads(out)
    assert answer["total"] > 0
    assert answer["facets"]["license"]["values"][0]["value"] == "CC0-1.0"
    assert "empiar:" in run("search", "HeLa", cwd=node)[0]
    assert "EMPIAR-10310" in run("search", "EMPIAR-10310", "--filter", "source=empiar", cwd=node)[0]


def test_reindex_and_reread_change_nothing(node: Path) -> None:
    before = json.loads(run("search", "*", "--json", "--size", "100", cwd=node)[0])
    run("reindex", cwd=node)
    run("reread", "empiar", cwd=node)
    after = json.loads(run("search", "*", "--json", "--size", "100", cwd=node)[0])
    assert [hit["id"] for hit in after["hits"]] == [hit["id"] for hit in before["hits"]]
    assert after["snapshot"] == before["snapshot"]


def test_read_prints_one_json_object_per_document(tmp_path: Path) -> None:
    pages = ROOT / "tests/sources/empiar/pages"
    out, _ = run("read", "empiar", str(pages), "--json", cwd=tmp_path)
    found = [json.loads(line) for line in out.splitlines()]
    assert {line["record"]["id"] for line in found} >= {"empiar:EMPIAR-10934", "empiar:EMPIAR-11419"}
    assert all(line["unmapped"] == [] for line in found)
    assert list(tmp_path.iterdir()) == []  # no store


def test_read_sets_aside_what_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"message": "no"}')
    (tmp_path / "cut.json").write_text('{"cut": ')
    out, _ = run("read", "empiar", "odd.json", "cut.json", cwd=tmp_path)
    reasons = [json.loads(line)["quarantined"] for line in out.splitlines()]
    assert len(reasons) == 2
    assert "broken JSON" in reasons[1]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("harvest", "nobody"), 2, "there are"),
        (("read", "empiar", "nowhere.json"), 2, "no such file"),
        (("search", "x"), 1, "headwater quickstart"),
        (("status",), 1, "headwater quickstart"),
        (("search", "x", "--filter", "year"), 2, "NAME=VALUE"),
        (("harvest", "empiar", "--option", "files"), 2, "NAME=VALUE"),
        (("rehearse", "empiar", "--fault", "quake"), 2, "no fault named"),
        (("harvest", "empiar", "--scope", "moon"), 2, "no scope named"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_says_what_to_do(
    words: Any, code: Any, says: Any, tmp_path: Path
) -> None:
    _, err = run(*words, cwd=tmp_path, code=code)
    assert says in err
    assert "Traceback" not in err


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    _, err = run("status", cwd=tmp_path, code=2, HEADWATER_PORT="many")
    assert "port" in err
    (tmp_path / "headwater.toml").write_text("colour = 'red'\n")
    _, err = run("status", cwd=tmp_path, code=2)
    assert "colour" in err


def test_settings_come_from_the_file_and_the_environment(node: Path, tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text(f"data = '{node / 'data'}'\n")
    assert json.loads(run("status", "--json", cwd=tmp_path)[0])["sources"]
    assert json.loads(run("status", "--json", cwd=ROOT, HEADWATER_DATA=str(node / "data"))[0])["sources"]


def test_the_probe_finds_the_replica_as_the_source_assumes(tmp_path: Path) -> None:
    out, _ = run("harvest", "--probe", "--json", cwd=tmp_path)
    found = json.loads(out)
    assert {line["source"] for line in found} >= {"empiar"}
    assert [line for line in found if line["differences"]] == []


def test_a_served_node_answers_and_ctrl_c_ends_it_cleanly(node: Path) -> None:
    process = start("serve", "--port", "0", cwd=node)
    address = _address(process)
    with urllib.request.urlopen(f"{address}/api/v1/search?q=HeLa") as answer:
        assert json.load(answer)["total"] > 0
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "nothing is lost" in err


def test_a_taken_port_is_told(node: Path) -> None:
    process = start("serve", "--port", "0", cwd=node)
    port = _address(process).rsplit(":", 1)[1]
    _, err = run("serve", "--port", port, cwd=node, code=1)
    assert "--port" in err
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_replicas_can_be_rehearsed_with(tmp_path: Path) -> None:
    process = start("rehearse", "empiar", "--port", "0", "--json", cwd=tmp_path)
    assert process.stdout is not None
    base = json.loads(process.stdout.readline())["empiar"]
    out, _ = run("harvest", "empiar", "--replica", base, "--json", cwd=tmp_path)
    assert json.loads(out)[0]["added"] >= 40
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_quickstart_goes_from_nothing_to_a_search(tmp_path: Path) -> None:
    began = time.monotonic()
    process = start("quickstart", "empiar", "--port", "0", cwd=tmp_path)
    address = _address(process)
    total = 0
    while total < 40 and time.monotonic() - began < 60:
        with urllib.request.urlopen(f"{address}/api/v1/search") as answer:
            total = json.load(answer)["total"]
        time.sleep(0.2)
    assert total >= 40
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "origin: replica" in out + err
    again, told = run("quickstart", "empiar", "--port", "0", "--exit", cwd=tmp_path)
    assert "already here" in again + told


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://[\d.:]+", process.stdout.readline())
    assert found is not None
    return found[0]
