"""What all benchmarks share: the machine, percentiles, memory, and the last line."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path


def machine() -> dict[str, object]:
    """Say what the figures were measured on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Answer p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)

    return {"p50_ms": at(0.50), "p95_ms": at(0.95), "p99_ms": at(0.99)}


def memory_mb(pid: int | None = None) -> float:
    """Answer the memory of a process, this one if none is named, without files it has mapped."""
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith("RssAnon:")).split()[1]
    return round(int(kilobytes) / 1000, 1)


def say(text: str) -> None:
    """Tell how far a benchmark is; the error stream, so that the last line of the output stays JSON."""
    print(text, file=sys.stderr, flush=True)


def last_line(result: object) -> None:
    """Print the result as the last line."""
    print(json.dumps(result))
