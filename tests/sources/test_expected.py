"""Recorded pages become the expected records. A failing test prints what to paste, once it was judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harvester import registry
from harvester.reading import read_files

HERE = Path(__file__).parent
PAGES = sorted(HERE.glob("*/pages/*"))


def spare(value: Any) -> Any:
    """Leave out what is empty, so that expectations can be read."""
    if isinstance(value, dict):
        return {key: spared for key, entry in value.items() if (spared := spare(entry)) not in (None, [], {})}
    return [spare(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parts[-3]}-{page.name}")
def test_a_recorded_page_becomes_the_expected_records(page: Path) -> None:
    source = registry.source(page.parts[-3])
    outcome = [
        {key: spare(value) for key, value in found.items() if key != "file"}
        for found in read_files(source, [page])
    ]
    file = page.parent.parent / "expected" / f"{page.name}.json"
    expected = json.loads(file.read_text("utf-8")) if file.exists() else None
    paste = json.dumps(outcome, indent=1, ensure_ascii=False)
    assert outcome == expected, f"if this is right, paste it into {file}:\n{paste}\n"


def test_no_expectation_is_an_orphan() -> None:
    pages = {(page.parts[-3], page.name) for page in PAGES}
    orphans = [file for file in HERE.glob("*/expected/*.json") if (file.parts[-3], file.stem) not in pages]
    assert orphans == []
