"""What an operator does, in a real browser: log in, run, pause, join, read the log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import PHONE, TOKEN, Opened
from tests.web.test_browser import WCAG


def logged_in(opened: Opened, **choices: Any) -> Page:
    page = opened("/admin", **choices)
    page.get_by_label("Your name").fill("Jane <b>Doe</b>")
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Operate this node")).to_be_visible()
    return page


@pytest.mark.parametrize("with_script", [True, False])
def test_a_source_is_run_paused_and_resumed_and_the_log_says_so(opened: Opened, *, with_script: bool) -> None:
    page = logged_in(opened, java_script_enabled=with_script)
    page.get_by_label("Why empiar is paused").fill("their server moves")
    page.get_by_role("button", name="Pause empiar").click()
    expect(page.locator(".outcome")).to_contain_text("empiar is not harvested by schedule")
    page.goto("/sources/empiar")
    expect(page.get_by_text(re.compile("paused by Jane <b>Doe</b>"))).to_be_visible()
    page.goto("/admin")
    page.get_by_role("button", name="Resume empiar").click()
    page.get_by_role("button", name="Run empiar now").click()
    expect(page.locator(".outcome")).to_contain_text("its end will be told")
    page.get_by_role("link", name="All of it").click()
    for what in ("pause empiar", "resume empiar", "run empiar"):
        expect(page.get_by_role("cell", name=what).first).to_be_visible()
    ended = page.get_by_text(re.compile("run [0-9]+ ended complete"))
    for _ in range(60):
        if ended.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(ended.first).to_be_visible()


def test_two_records_are_joined_and_let_go_again(opened: Opened) -> None:
    page = opened("/?source=idr&size=10")
    one, other = (
        (page.locator(".results h2 a").nth(n).get_attribute("href") or "").removeprefix("/records/")
        for n in (0, 1)
    )
    page = logged_in(opened)
    form = page.locator("fieldset").first
    form.get_by_label("Id of one").fill(one)
    form.get_by_label("Id of the other").fill(other)
    form.get_by_label("Why").fill("tried in a test")
    form.get_by_role("button", name="Join").click()
    expect(page.locator(".outcome")).to_contain_text("join")
    page.goto(f"/records/{one}/family")
    expect(page.get_by_role("link", name=other).first).to_be_visible()
    page.goto("/admin")
    page.get_by_role("button", name="Take back decision").first.click()
    expect(page.locator(".outcome")).to_contain_text("undone")


def test_nobody_comes_in_with_a_wrong_token_or_after_logging_out(opened: Opened) -> None:
    page = logged_in(opened)
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin")
    expect(page.get_by_label("token")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_break_no_rule_of_accessibility(opened: Opened, shots: Path, scheme: Any) -> None:
    page = opened("/admin/login", color_scheme=scheme)
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert not found.response["violations"], found.generate_report()
    page = logged_in(opened, color_scheme=scheme)
    page.screenshot(path=shots / f"admin-{scheme}.png", full_page=True)
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert not found.response["violations"], found.generate_report()
    page = logged_in(opened, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
