"""`client` speaks HTTP with a node that serves a small catalogue (tests/api/serving.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from tests.api.serving import served


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Request, Application]]:
    async with served(tmp_path) as opened:
        yield opened
