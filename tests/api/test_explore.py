"""Charts: what they count is what their links find, in a picture, a table and a file that agree."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from lxml import etree

from api.charts import PAPER, THEMES, Theme
from index.exploring import TABLES
from tests.api.serving import Client
from tests.api.test_pages import page

ASKED = [
    "",
    "q=light",
    "organism=NCBITaxon:7955",
    "organism=Vertebrata&year=2021..2022",
    "source=demo&license=CC-BY-4.0",
]


@pytest.mark.parametrize("asked", ASKED)
async def test_every_number_is_what_its_link_finds(client: Client, asked: str) -> None:
    html = await page(client, f"/explore?{asked}")
    found = re.findall(r'<td class="number"><a href="([^"]*)">([0-9,]+)</a>', html)
    assert found
    for address, count in found:
        assert f"<b>{count}</b>" in await page(client, unescape(address)), address


@pytest.mark.parametrize("name", TABLES)
async def test_picture_table_and_file_agree(client: Client, name: str) -> None:
    html = await page(client, "/explore?q=light")
    shown = html.split(f'aria-labelledby="{name}"', 1)[1].split("</figure>", 1)[0]
    numbers = [
        int(each.replace(",", "")) for each in re.findall(r'<td class="number"><a[^>]*>([0-9,]+)', shown)
    ]
    text = await (await client.get(f"/explore/{name}.csv?q=light")).text()
    _, *rows = csv.reader(io.StringIO(text))
    assert [int(row[-1]) for row in rows] == numbers
    answer = await client.get(f"/explore/{name}.svg?q=light")
    assert answer.content_type == "image/svg+xml"
    picture = etree.fromstring(await answer.read())
    assert etree.QName(picture).localname == "svg"
    assert not picture.xpath("//*[local-name()='script' or local-name()='image']")
    assert await (await client.get(f"/explore/{name}.svg?q=light&theme=dark")).read() != etree.tostring(
        picture
    )


@pytest.mark.parametrize("theme", THEMES)
async def test_a_chart_can_be_read_on_any_paper(client: Client, theme: Theme) -> None:
    picture = await (await client.get(f"/explore/licenses.svg?theme={theme}")).text()
    assert re.search(rf'<rect[^>]* fill="{PAPER[theme]}"', picture)


async def test_what_cannot_be_drawn_is_said(client: Client) -> None:
    assert (await client.get("/explore/nothing.svg")).status == 404
    assert (await client.get("/explore/years.svg?theme=pink")).status == 400
    assert "is no year" in await page(client, "/explore?year=soon", 400)
    assert "nothing to show" not in await page(client, "/explore?q=qqqqqq")
