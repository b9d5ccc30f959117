"""What the command line shows: tables, progress, and the same as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDTH_OF_A_PIPE = 200
"""Columns where nobody looks: a table read by a program or a log must not be folded."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str = "") -> None:
    """Print a line to people."""
    out.print(text)


def warn(text: str) -> None:
    """Print a line to the error stream."""
    err.print(text, style="yellow")


def emit(value: object) -> None:
    """Print JSON in one line, for programs."""
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table; numbers stand to the right."""
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int) for row in rows)
        grid.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(
            *("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        )
    out.print(grid)


def unmarked(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Keep brackets in cells from being taken for markup: paths of fields are full of them."""
    return [[escape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]


class Rows:
    """Progress, a row per source; plain lines where there is no terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}
        self.told: dict[str, str] = {}

    def update(self, name: str, text: str, *, done: int, total: int | None, ended: bool) -> None:
        """Show how far a source has come."""
        if self.progress is None:
            if ended and self.told.get(name) != text:
                self.told[name] = text
                err.print(f"{name}: {text}")
            return
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=None, text="")
        whole = done if ended else total
        self.progress.update(self.tasks[name], completed=done, total=whole, text=text)

    def note(self, name: str, text: str) -> None:
        """Tell something about a source."""
        if self.progress is None:
            err.print(f"{name}: {text}")
        else:
            self.progress.console.print(f"{name}: {text}")


@contextmanager
def rows(*, quiet: bool = False) -> Iterator[Rows]:
    """Show progress while the block runs."""
    if quiet or not err.is_terminal:
        yield Rows(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:>8,.0f}"),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=False) as progress:
        yield Rows(progress)


def counts(numbers: Mapping[str, int]) -> str:
    """Write counts in a line, leaving out what is zero."""
    names = ("added", "changed", "unchanged", "withdrawn", "restored", "quarantined", "out_of_scope")
    parts = [f"{numbers[name]:,} {name.replace('_', ' ')}" for name in names if numbers.get(name)]
    return ", ".join(parts) or "nothing"
