"""`one_and_three`: a module that uses it is run with an index of one shard, and once more with three.

`engine` is an index of three shards.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.engines.tantivy import TantivyEngine
from tests.index import filling
from tests.index.sharded import SHARDS


@pytest.fixture(params=[1, 3], ids=["one shard", "three shards"])
def one_and_three(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    shards: int = request.param
    monkeypatch.setattr(filling, "SHARDS", shards)
    return shards


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TantivyEngine]:
    made = TantivyEngine(tmp_path / "index", writing=True, shards=SHARDS)
    yield made
    made.close()
