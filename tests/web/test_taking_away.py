"""What a reader takes along, in a real browser: pages, every form of export, a feed, a certificate."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from lxml import etree

from api.formats.forms import FORMS
from tests.web.conftest import Opened
from tests.web.test_browser import total


def test_page_after_page_shows_every_hit_once(opened: Opened) -> None:
    page = opened("/?q=microscopy&size=50")
    wanted, seen = total(page), list[str]()
    while True:
        seen += [a.get_attribute("href") or "" for a in page.locator(".results h2 a").all()]
        following = page.locator("a[rel=next]")
        if not following.count():
            break
        following.first.click()
        page.wait_for_load_state()
        assert total(page) == wanted
    assert (len(seen), len(set(seen))) == (wanted, wanted)


def test_a_result_is_downloaded_whole(opened: Opened, tmp_path: Path) -> None:
    page = opened("/?q=zebrafish")
    wanted = total(page)
    page.get_by_text("Take away, follow, cite").click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="csv", exact=True).click()
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert (file.suffix, len(rows)) == (".csv", wanted)
    assert len({row["id"] for row in rows}) == wanted


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_export_is_there_and_holds_something(opened: Opened, name: str) -> None:
    page = opened("/?q=zebrafish&size=10")
    link = page.locator(f".take a[href*='format={name}']")
    answer = page.request.get(link.get_attribute("href") or "")
    assert (answer.status, answer.headers["content-disposition"].startswith("attachment")) == (200, True)
    assert len(answer.body()) > 1_000


def test_a_search_is_followed_and_cited(opened: Opened) -> None:
    page = opened("/?q=microscopy&organism=NCBITaxon:9606")
    wanted = total(page)
    page.get_by_text("Take away, follow, cite").click()
    taken = page.locator(".take")
    feed = etree.fromstring(
        page.request.get(taken.get_by_text("Atom").get_attribute("href", timeout=1000) or "").body()
    )
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed"
    assert len(feed.findall("{*}entry")) == min(wanted, 50)
    cited = page.locator("#citation").inner_text()
    assert f"{wanted} results" in cited
    again = opened("/" + cited.rpartition("/")[2])
    assert total(again) == wanted
    certificate = page.request.get(
        taken.locator("a[href*='/certificate']").get_attribute("href") or ""
    ).json()
    assert certificate["result"]["count"] == wanted
    answer = page.request.get(taken.locator("a[href^='/api/v1/search']").get_attribute("href") or "").json()
    assert answer["total"] == wanted
