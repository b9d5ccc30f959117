"""What a reader does, in a real browser: search, choose, draw a range, read; by keyboard, on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import MISSING, PHONE, WIDE, Opened

SHIFTED = """() => new Promise(done => {
  let sum = 0;
  const add = each => { if (!each.hadRecentInput) sum += each.value; };
  new PerformanceObserver(list => list.getEntries().forEach(add))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 400);
})"""
"""Sums up the layout shifts of a page so far, as Cumulative Layout Shift does for a page this short-lived."""

ADDRESSES = """() => [...document.querySelectorAll(".go .primary, .hits td a, .actions a[href^=http]")]
  .map(link => [link.getAttribute("href"), getComputedStyle(link, "::after").content])"""
"""Answers the addresses of what a page is about, each with what stands behind its link."""

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "start": "/", "results": "/?q=microscopy", "table": "/?q=microscopy&view=table&size=50",
    "nothing": "/?q=zebrafish+qqqq", "mistake": "/?q=%22open", "facet": "/facets/organism?q=microscopy",
    "sources": "/sources", "source": "/sources/zenodo", "help": "/help/search",
    "api": "/docs", "losses": "/sources/empiar/loss", "explore": "/explore?q=microscopy",
    "missing": MISSING,
}  # fmt: skip
"""One of each kind; a record's page is opened from the results."""


def total(page: Page) -> int:
    text = page.locator(".count b").inner_text()
    return int(text.replace(",", ""))


def record_of(opened: Opened) -> str:
    page = opened("/?q=cryo&source=empiar")
    return page.locator(".results h2 a").first.get_attribute("href") or ""


def test_a_search_is_narrowed_widened_and_followed_to_the_repository(opened: Opened) -> None:
    page = opened("/")
    page.get_by_role("combobox", name="Search").fill("microscopy")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=microscopy"))
    found = total(page)
    assert found > 50
    value = page.locator(".facets li").filter(has_text="Homo sapiens").first
    count = int(value.locator(".n").inner_text().replace(",", ""))
    value.get_by_role("link").click()
    assert total(page) == count < found
    page.get_by_title("Remove this filter").first.click()
    assert total(page) == found
    link = page.locator(".results .primary").first
    assert re.match("https?://", link.get_attribute("href") or "")
    page.locator(".results h2 a").first.click()
    expect(page.get_by_role("link", name=re.compile("^Open at"))).to_be_visible()


def test_suggestions_are_chosen_by_keyboard(opened: Opened) -> None:
    page = opened("/")
    field = page.get_by_role("combobox", name="Search")
    field.press_sequentially("zebraf", delay=20)
    options = page.get_by_role("option")
    expect(options.first).to_be_visible()
    field.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_count(1)
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    field.press("Escape")
    expect(options.first).to_be_hidden()
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url(re.compile(r"\?|/records/"))
    assert "zebraf" in page.content().lower()


def test_a_range_is_drawn_over_the_bars(opened: Opened) -> None:
    page = opened("/?q=microscopy")
    before = total(page)
    bars = page.locator("svg[data-name=year] a")
    first, last = bars.nth(bars.count() - 4).bounding_box(), bars.nth(bars.count() - 2).bounding_box()
    assert first
    assert last
    page.mouse.move(first["x"] + 1, first["y"] + first["height"] - 2)
    page.mouse.down()
    page.mouse.move(last["x"] + 1, last["y"] + last["height"] - 2, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("year="))
    assert 0 < total(page) < before
    assert re.search(r"year=\d{4}\.\.\d{4}", page.url)


def test_a_facet_is_counted_when_it_is_opened(opened: Opened) -> None:
    page = opened("/?q=microscopy&sort=newest&size=10&view=table")
    facet = page.locator("details[data-facet=keyword]")
    facet.locator("summary").click()
    value = facet.locator("li").first
    expect(value.locator(".n")).to_be_visible()
    count = int(value.locator(".n").inner_text().replace(",", ""))
    value.get_by_role("link").click()
    page.wait_for_url(re.compile("keyword="))
    assert total(page) == count


def test_a_bar_is_a_link_of_its_own(opened: Opened) -> None:
    page = opened("/?q=microscopy")
    bar = page.locator("svg[data-name=year] a").last
    count = int((bar.get_attribute("aria-label") or "").rpartition(": ")[2].replace(",", ""))
    bar.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("year="))
    assert total(page) == count


def test_an_option_is_chosen_by_keyboard_and_nothing_is_asked_before_it_is_applied(opened: Opened) -> None:
    page = opened("/?q=microscopy")
    asked = list[str]()
    page.on("framenavigated", lambda frame: asked.append(frame.url))
    page.locator(".past summary").press("Enter")
    order = page.get_by_label("Order")
    order.focus()
    page.keyboard.press("n")  # as in "Newest first"
    expect(order).to_have_value("newest")
    page.get_by_label("On a page").select_option("50")
    page.get_by_label("As of").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Apply")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("sort=newest.*size=50"))
    expect(order).to_be_visible()
    expect(order).to_have_value("newest")
    assert asked == [page.url]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility_or_moves(
    opened: Opened, shots: Path, name: str, scheme: Any
) -> None:
    page = opened(PAGES[name], color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=shots / f"{name}-{scheme}.png", full_page=name == "explore")
    assert page.evaluate(SHIFTED) <= 0.05
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("shown", ["", "?show=origins"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_records_page_is_as_good(opened: Opened, shots: Path, scheme: Any, shown: str) -> None:
    page = opened(record_of(opened) + shown, color_scheme=scheme)
    page.screenshot(path=shots / f"record{'-origins' if shown else ''}-{scheme}.png")
    assert page.evaluate(SHIFTED) <= 0.05
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_fits_on_a_phone(opened: Opened, shots: Path, name: str) -> None:
    page = opened(PAGES[name], viewport=PHONE, has_touch=True)
    page.screenshot(path=shots / f"{name}-phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("name", ["results", "table", "record", "source", "explore"])
def test_a_page_is_printed_without_what_only_a_screen_can_use(opened: Opened, shots: Path, name: str) -> None:
    page = opened(PAGES.get(name) or record_of(opened), color_scheme="dark")
    expect(page.get_by_role("navigation")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).to_be_hidden()
    controls = page.locator("nav, form, button, input, select, .facets, .next")
    assert not [each for each in controls.all() if each.is_visible()]
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 38, 43)", "dark ink on paper"
    page.screenshot(path=shots / f"{name}-printed.png", full_page=True)
    printed = page.evaluate(ADDRESSES)
    assert all(address in text for address, text in printed), printed
    assert (len(printed) > 0) == (name != "explore")


def test_everything_works_without_a_script(opened: Opened) -> None:
    page = opened("/", java_script_enabled=False)
    page.get_by_role("searchbox", name="Search").fill("microscopy")
    page.get_by_role("button", name="Search").click()
    found = total(page)
    page.locator("input[name=year_from]").fill("2019")
    page.locator(".range button").first.click()
    narrowed = total(page)
    assert 0 < narrowed < found
    page.locator(".facets a", has_text="all values").first.click()
    page.locator(".values a").first.click()
    assert 0 < total(page) <= narrowed
    page.locator(".results h2 a").first.click()
    page.get_by_role("link", name="Show where each value comes from").click()
    assert page.locator(".raw pre").inner_text()
    assert page.locator(".whence").count() > 3


def test_every_control_is_reached_by_the_keyboard_and_seen(opened: Opened) -> None:
    page = opened("/?q=microscopy")
    page.keyboard.press("Shift+Tab")
    page.locator("body").press("Tab")
    seen = []
    for _ in range(40):
        seen.append(
            page.evaluate(
                "() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return [e.tagName, s.outlineStyle !== 'none' || e.tagName === 'BODY']; }"
            )
        )
        page.keyboard.press("Tab")
    assert all(is_seen for _, is_seen in seen)
    assert {"INPUT", "BUTTON", "A", "SUMMARY"} <= {name for name, _ in seen}


def test_a_citation_is_copied(opened: Opened) -> None:
    page = opened("/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(record_of(opened))
    page.get_by_role("button", name="Copy citation").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#citation").inner_text()


def test_a_result_page_is_one_document_one_stylesheet_and_one_script(opened: Opened) -> None:
    page = opened("/")
    asked: list[tuple[str, int]] = []
    page.on("response", lambda answer: asked.append((answer.request.resource_type, len(answer.body()))))
    page.goto("/?q=microscopy")
    page.wait_for_load_state("networkidle")
    kinds = [kind for kind, _ in asked]
    assert kinds.count("document") == 1
    assert kinds.count("stylesheet") <= 1
    assert kinds.count("script") <= 1
    assert dict(asked)["document"] < 60_000


def test_pictures_that_cannot_be_had_leave_a_quiet_field(opened: Opened) -> None:
    page = opened("/?has=thumbnail", viewport=WIDE)
    pictures = page.locator(".thumb img")
    assert pictures.count() > 3
    pictures.first.scroll_into_view_if_needed()
    expect(pictures.first).to_be_visible()
    page.wait_for_function("document.querySelector('.thumb img').naturalWidth > 0")
