"""Commands of Headwater in processes of their own, and what they cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Answer the processor time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def dies_with_us(signal: str, *options: str) -> list[str]:
    """Answer the words before a command that send it a signal when this process dies, however it dies.

    A node that is left over would keep the index from the next one.
    """
    return ["setpriv", *options, "--pdeathsig", signal, "--"] if shutil.which("setpriv") else []


@contextmanager
def process(*words: str, settings: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a command of Headwater in a process of its own; settings by the names of their variables."""
    command = [*dies_with_us("TERM"), sys.executable, "-m", "api.cli", *words]
    environment = {**os.environ, **(settings or {})}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as running:
        try:
            yield running
        finally:
            running.terminate()


@dataclass(frozen=True, slots=True)
class Node:
    """A serving node."""

    base: str
    """Its address."""
    running: subprocess.Popen[str]

    def check(self) -> None:
        """Stop when the node has ended: whoever waits for it would wait for ever."""
        if self.running.poll() is not None:
            message = f"the serving node ended with {self.running.returncode}; run `headwater serve` to see"
            raise SystemExit(message)


@contextmanager
def serving(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Node]:
    """Serve what a folder holds, until the block ends."""
    with process("serve", f"--data={folder}", "--port=0", settings=settings) as running:
        assert running.stdout is not None
        words = running.stdout.readline().split()
        base = next((word for word in words if word.startswith("http")), "")
        node = Node(base, running)
        if not base:
            running.wait(10)
            node.check()
        yield node


def size_of(folder: Path) -> int:
    """Answer the bytes of the files in a folder; those that vanish meanwhile do not count."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
