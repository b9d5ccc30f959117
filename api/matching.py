"""What `headwater match` does: the rows of a file against what was harvested."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from api import terminal
from api.options import Data, Json, examples, settings_of

if TYPE_CHECKING:
    from index.match import Asked, Matcher

app = typer.Typer(rich_markup_mode="markdown")


@app.command(
    epilog=examples(
        "headwater match dois.txt",
        "headwater match titles.csv --json",
        "cut -f1 table.tsv | headwater match -",
    )
)
def match(
    file: Annotated[Path, typer.Argument(help="A row a line, or CSV, or a JSON list; - for standard input")],
    size: Annotated[int, typer.Option(min=1, max=10, help="Matches per row, with --json")] = 3,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say which records are meant by DOIs, accessions, ORCID iDs, addresses or titles; one answer a row."""
    from api.match import rows_of  # noqa: PLC0415  # `--help` answers without loading the server
    from api.status import Trouble, opened  # noqa: PLC0415
    from index.match import Matcher  # noqa: PLC0415
    from index.query import BadQuery  # noqa: PLC0415

    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        rows = rows_of(body, "application/json" if file.suffix == ".json" else "text/csv")
    except OSError as error:
        raise Trouble(f"{file} cannot be read ({error.strerror})") from error
    except BadQuery as error:
        raise Trouble(f"{file}: {error}") from error
    with opened(settings_of(data=data)) as node:
        found = _found(Matcher(node.catalogue), rows, size)
        if json:
            _as_json(found)
        else:
            _as_table(found)


def _found(matcher: Matcher, rows: Sequence[Asked], size: int) -> Iterator[dict[str, Any]]:
    from api.match import AT_ONCE, matched  # noqa: PLC0415

    for begin in range(0, len(rows), AT_ONCE):
        yield from matched(matcher, rows[begin : begin + AT_ONCE], begin, size)


def _as_json(found: Iterator[dict[str, Any]]) -> None:
    """Print a line a row, as it is found."""
    for row in found:
        sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
    sys.stdout.buffer.flush()


def _as_table(found: Iterator[dict[str, Any]]) -> None:
    listed, sure = [], 0
    for row in found:
        best = next(iter(row["matches"]), None)
        sure += row["certain"]
        told = (best["id"], f"{best['confidence']:.2f}", best["why"]) if best else ("", "", "nothing found")
        listed.append((row["row"], row["query"][:60], row["meaning"], *told))
    terminal.table(("row", "query", "taken for", "record", "confidence", "why"), terminal.unmarked(listed))
    matched_ = sum(bool(cells[3]) for cells in listed)
    terminal.say(f"\n{len(listed):,} rows: {matched_:,} matched, {sure:,} of them for certain")
