"""A record's page: to be cited, to be read by machines, and each value with where it comes from."""

from __future__ import annotations

import re
from html import unescape

import pytest
from lxml import html

from api.formats import citation
from index.record import Creator, Dates, Links, Record
from tests.api.serving import FULL, Client
from tests.api.test_pages import page


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (
            FULL,
            ("Doe, Jane (2021): Light sheet microscopy of <zebrafish> embryos. Demo archive. (Dataset). "
            "https://doi.org/10.1234/one"),
        ),
        (Record(id="demo:bare", source="demo", title="Nothing"), "(n.d.): Nothing. demo. (Dataset)."),
        (
            Record(
                id="demo:many", source="demo", title="A title with an end.", version="2", kind="Software",
                dates=Dates(published="2020-05"), links=Links(landing="https://demo.example/many"),
                creators=tuple(Creator(name=f"P{n}") for n in range(30)),
            ),
            (f"{'; '.join(f'P{n}' for n in range(20))}; et al. (2020): A title with an end. Version 2. demo. "
            "(Software). https://demo.example/many"),
        ),
    ],
)  # fmt: skip
def test_a_citation_says_what_is_known(record: Record, text: str) -> None:
    assert citation.write(record) == text


async def test_reference_managers_find_what_they_look_for(client: Client) -> None:
    tree = html.document_fromstring(await page(client, "/records/demo:one"))
    tags = [(tag.get("name") or tag.get("property"), tag.get("content")) for tag in tree.iter("meta")]
    assert ("citation_title", FULL.title) in tags
    assert ("citation_author", "Doe, Jane") in tags
    assert ("citation_publication_date", "2021/02") in tags
    assert ("citation_doi", "10.1234/one") in tags
    assert ("og:url", "https://search.example.org/records/demo:one") in tags


async def test_machines_are_shown_the_way_in_the_header(client: Client) -> None:
    answer = await client.get("/records/demo:one", headers={"Accept": "text/html"})
    found = re.findall(r'<([^>]+)>; rel="([^"]+)"', answer.headers["Link"])
    assert ("https://doi.org/10.1234/one", "cite-as") in found
    assert ("https://schema.org/Dataset", "type") in found
    assert ("https://orcid.org/0000-0002-1825-0097", "author") in found
    assert ("https://spdx.org/licenses/CC-BY-4.0", "license") in found
    assert ("https://demo.example/files/a%20b.czi", "item") in found
    own = [target for target, relation in found if relation == "describedby"]
    assert len(own) == 4
    for address in own:
        described = await client.get(address.removeprefix("https://search.example.org"))
        assert described.status == 200


async def test_what_the_upstream_sent_stands_beside_the_record_when_it_is_asked_for(client: Client) -> None:
    without = await page(client, "/records/demo:one")
    assert "What the upstream sent" not in without
    assert 'class="whence"' not in without
    beside = await page(client, "/records/demo:one?show=origins")
    sent = re.search(r"<pre[^>]*>(.*?)</pre>", beside, re.DOTALL)
    assert sent
    assert '"id": "demo:one"' in unescape(sent[1])
    assert 'class="whence"' in beside
