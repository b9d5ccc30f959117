"""A node as a user starts it, over the replicas, and Debian's Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Chromium asks for updates and the like otherwise; it shall ask the node and nobody else."""
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

TOKEN = "the token of a node that is tried"  # noqa: S105
MISSING = "/records/nope"
"""Chromium tells in its console of each page that is not there; this one is meant not to be."""

Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve what the replicas hold; yield the address."""
    command = (sys.executable, "-m", "api.cli", "quickstart", "--offline", "--port", "0", "--data")
    folder = tmp_path_factory.mktemp("web")
    with subprocess.Popen(
        [*command, str(folder / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "HEADWATER_OFFLINE": "1", "HEADWATER_ADMIN_TOKEN": TOKEN},
    ) as running:
        try:
            yield address_of(running)
        finally:
            running.terminate()


def address_of(running: subprocess.Popen[str]) -> str:
    """Read where it serves, once everything is searchable."""
    said = []
    for line in running.stdout or ():
        said.append(line)
        if line.strip().startswith("open"):
            return line.split()[1].rstrip("/")
    raise AssertionError("the node did not come up: " + "".join(said))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium; where it is not installed the tests are skipped, but not in CI.

    Its loop runs for as long as it does, and beside it no asynchronous test can: so it ends with the module.
    """
    if CHROMIUM is None:
        if os.environ.get("HEADWATER_CI"):
            raise AssertionError("CI needs Chromium, which .ci/run installs")
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root a sandbox
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *sandbox])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, node: str) -> Iterator[Opened]:
    """Open pages; at the end see that none had an error in its console or asked anybody but the node."""
    contexts, errors = [], list[str]()

    def noted(message: ConsoleMessage) -> None:
        address = str(message.location.get("url"))
        is_meant = address.endswith(MISSING) and "status of 404" in message.text
        if message.type in {"error", "warning"} and not is_meant:
            errors.append(f"{address}: {message.text}")

    def at_home(asked: Request) -> None:
        if not asked.url.startswith(node):
            errors.append(f"asked {asked.url}")

    def open_(path: str, **choices: Any) -> Page:
        context = browser.new_context(base_url=node, **{"viewport": WIDE, **choices})
        contexts.append(context)
        page = context.new_page()
        page.on("console", noted)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", at_home)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture(scope="session")
def shots() -> Path:
    """Answer the folder where screenshots are kept, to be looked at."""
    folder = Path(__file__).parents[2] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
