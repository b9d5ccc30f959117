"""The page of one repository: complete, fresh, what its records state, and what went wrong in plain words."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from index.entry import HAS
from index.incidents import incidents
from tests.api.serving import Client
from tests.api.test_pages import page


def run(state: str, day: int, kind: str = "changes", error: str | None = None) -> dict[str, Any]:
    return {
        "kind": kind, "state": state, "started_at": f"2026-11-{day:02}T06:00:00Z",
        "ended_at": f"2026-11-{day:02}T06:10:00Z", "error": error,
    }  # fmt: skip


def test_failures_in_a_row_are_one_incident_that_the_next_complete_harvest_ends() -> None:
    told = incidents(
        [
            run("refused", 9, error="403"),
            run("complete", 8),
            run("complete", 7, kind="sample"),
            run("canceled", 6),
            run("partial", 5, error="no answer"),
            run("lost", 4),
            run("complete", 3, kind="full"),
        ]
    )
    newest, older = (each.in_words() for each in told)
    assert newest == (
        "Since 2026-11-09T06:00:00Z and goes on: one harvest failed; it was refused by the repository (403)."
    )
    assert older == (
        "Since 2026-11-04T06:00:00Z until 2026-11-08T06:10:00Z: 2 harvests failed; "
        "the last broke off before the end of the list (no answer)."
    )
    assert incidents([]) == []
    assert incidents([run("complete", 1), run("running", 2)]) == []


async def test_a_repository_tells_how_it_stands(client: Client) -> None:
    html = await page(client, "/sources/demo")
    assert "Nothing in the last" in html
    assert "1 documents could not be read: the title is missing (1)" in html
    assert "origin: replica" in html
    assert (await client.get("/sources/nobody")).status == 404


async def test_every_share_is_of_what_its_links_find(client: Client) -> None:
    html = await page(client, "/sources/demo")
    rows = re.findall(r'<td class="number"><a href="([^"]*)">([0-9,]+)</a></td>', html)
    assert len(rows) == 2 * len(HAS)
    for address, count in rows:
        found = await page(client, unescape(address) + "&collapse=none")
        assert f"<b>{count}</b>" in found, address
    whole = 7
    for (_, one), (_, other) in zip(rows[::2], rows[1::2], strict=True):
        assert int(one) + int(other) == whole
