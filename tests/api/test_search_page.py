"""The search page: every state is an address, everything works without a script, nothing is shown twice."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from api.bars import YEARS, drawn
from api.search import question
from api.searchpage import ranges
from index.engines import Bar, HistogramCount
from tests.api.serving import Client
from tests.api.test_pages import page


def links(html: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'href="([^"]*)"', html)]


def within(html: str, begin: str, end: str) -> str:
    return html.split(begin, 1)[1].split(end, 1)[0]


async def test_every_link_of_the_page_leads_somewhere(client: Client) -> None:
    html = await page(client, "/?q=light&organism=NCBITaxon:7955&view=table&size=10")
    own = {each for each in links(html) if each.startswith("/") and not each.startswith("/api/v1/export")}
    assert len(own) > 30
    for address in own:
        assert (await client.get(address)).status in {200, 304}, address


async def test_a_bar_finds_what_it_counts(client: Client) -> None:
    html = await page(client, "/?q=light")
    bars = re.findall(
        r'<a href="([^"]*)" aria-label="([^"]*): ([0-9,]+)"', within(html, 'data-name="year"', "</svg>")
    )
    assert bars
    for address, _, count in bars:
        found = await page(client, unescape(address))
        assert f"<b>{count}</b>" in found


async def test_two_fields_are_a_range(client: Client) -> None:
    answer = await client.get("/?q=light&year_from=2020&year_to=2022&year=1999", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/?q=light&year=2020..2022")
    assert "Year: 2020..2022" in await page(client, "/?q=light&year_from=2020&year_to=2022")
    assert "is no size" in await page(client, "/?bytes_from=many", 400)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"q": "x"}, None),
        ({"year_from": "2020", "year_to": ""}, [("year", "2020..")]),
        ({"year_from": "", "year_to": "2020"}, [("year", "..2020")]),
        ({"year_from": "2020", "year_to": "2020", "cursor": "abc"}, [("year", "2020")]),
        ({"year_from": "", "year_to": "", "q": "x", "year": "2019"}, [("q", "x"), ("year", "2019")]),
        ({"bytes_from": "1GB", "year": "2019"}, [("year", "2019"), ("bytes", "1GB..")]),
    ],
)
def test_ends_become_ranges(asked: dict[str, str], wanted: object) -> None:
    assert ranges(MultiDict(asked)) == wanted


counts = st.dictionaries(st.integers(1, 2100), st.integers(1, 10**6), max_size=60)


@given(counts)
def test_bars_of_years_leave_no_hit_out_and_each_asks_for_what_it_counts(years: dict[int, int]) -> None:
    made = drawn("year", HistogramCount(tuple(Bar(y, y, n) for y, n in sorted(years.items())), 0), [])
    told = [int(bar["told"].rpartition(": ")[2].replace(",", "")) for bar in made["bars"]]
    assert sum(told) == sum(years.values())
    assert len(made["bars"]) <= YEARS + 1
    for bar, count in zip(made["bars"], told, strict=True):
        assert sum(n for y, n in years.items() if bar["low"] <= y <= bar["high"]) == count
        asked = question(MultiDict(parse_qsl(urlsplit(bar["url"]).query)))
        assert asked.filters["year"]
        assert 0 < bar["height"] <= 56
        assert 0 <= bar["x"] <= 240 - bar["width"] + 0.01


@given(st.dictionaries(st.integers(0, 18), st.integers(1, 10**6), max_size=10))
def test_bars_of_sizes_stand_in_a_row_without_gaps(powers: dict[int, int]) -> None:
    bars = tuple(Bar(10**p, 10 ** (p + 1) - 1, n) for p, n in sorted(powers.items()))
    made = drawn("bytes", HistogramCount(bars, 0), [("q", "x")])
    assert [bar["low"] for bar in made["bars"]] == [bar.low for bar in bars]
    if bars:
        step = 240 / (max(powers) - min(powers) + 1)
        assert [round(bar["x"] / step) for bar in made["bars"]] == [p - min(powers) for p in sorted(powers)]


async def test_the_table_shows_the_same_results_as_the_list(client: Client) -> None:
    shown = [await page(client, f"/?q=light&collapse=none&view={view}") for view in ("list", "table")]
    ids = [[each for each in links(html) if re.fullmatch(r"/records/demo:[a-z0-9]+", each)] for html in shown]
    assert list(dict.fromkeys(ids[0])) == list(dict.fromkeys(ids[1]))
    assert "view" in (await page(client, "/?view=cloud", 400))


async def test_pages_follow_each_other_to_the_end_without_a_repeated_result(client: Client) -> None:
    seen, address = list[str](), "/?collapse=none&size=2&sort=newest"
    while address:
        html = await page(client, address)
        seen += re.findall(r'<h2><a href="/records/([^"]*)"', html)
        after = re.search(r'<a href="([^"]*)" rel="next">', html)
        address = unescape(after[1]) if after else ""
    assert len(seen) == len(set(seen)) == 7


async def test_a_facet_is_listed_to_its_end_and_searched_inside(client: Client) -> None:
    html = await page(client, "/facets/creator?q=light")
    assert "Doe, Jane" in html
    assert any(each.startswith("/?q=light&creator=doe") for each in links(html))
    assert "Doe, Jane" in await page(client, "/facets/creator?q=light&facet_prefix=doe")
    assert "No value begins with" in await page(client, "/facets/creator?q=light&facet_prefix=zz")
    assert "no facet named" in await page(client, "/facets/nothing", 400)
    top = await page(client, "/facets/organism?facet_parent=top")
    below = next(each for each in links(top) if "facet_parent=" in each and "top" not in each)
    assert (await client.get(below)).status == 200


async def test_any_open_license_is_one_click_and_what_is_chosen_bears_its_name(client: Client) -> None:
    whole = await page(client, "/?collapse=none")
    (found,) = re.findall(r'<a href="([^"]*)">any open license', whole)
    narrowed = await page(client, unescape(found) + "&organism=NCBITaxon:7955")
    assert "<b>6</b> records" in narrowed  # all but the one that states nothing
    chips = within(narrowed, 'class="chosen"', "</ul>")
    assert "Has: Open license" in chips
    assert "Organism: Danio rerio" in chips
    assert "any open license" not in narrowed


async def test_a_page_is_small(client: Client) -> None:
    html = await page(client, "/?collapse=none")
    assert len(html) < 60_000
