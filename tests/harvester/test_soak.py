"""A little of `make soak`: enough kills to notice when going on is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_after_some_kills_store_and_engine_hold_what_an_undisturbed_harvest_holds() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--kills", "5", "--documents", "40", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["harvests killed"] + result["nodes killed"] >= 5
    assert result["answers"] > 0
    assert result["wrong"] == []
