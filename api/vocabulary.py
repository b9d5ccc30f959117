"""The command that loads vocabularies: fuller hierarchies and names than those Headwater brings along."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import process, terminal
from api.options import Data, Json, examples, settings_of
from api.status import Trouble
from index import vocab

if TYPE_CHECKING:
    from index.vocab.build import Loaded

app = typer.Typer(
    name="vocab",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Load the vocabularies of organisms and imaging methods from their published files.",
    epilog=examples("headwater vocab update fbbi.obo", "headwater vocab update --list"),
)


@app.callback()
def _vocab() -> None:
    """Keep `update` a command of its own, as one may follow it."""


@app.command(
    epilog=examples(
        "headwater vocab update fbbi.obo EDAM-bioimaging.tsv",
        "headwater vocab update taxdump.tar.gz",
        "headwater vocab update --list",
        "headwater vocab update --reset",
    )
)
def update(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="OBO, OWL, EDAM's .tsv, NCBI's taxdump; or .gz of these"),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show which tables are in use")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the bundled tables")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Load published ontologies: FBbi (with names of EDAM-bioimaging) and NCBI Taxonomy.

    A file replaces what was loaded before for its vocabulary, so name all files of one vocabulary together.
    The index is made again when it is next opened; restart a running `headwater serve` or `up`.
    """
    from index.vocab import build, published  # noqa: PLC0415  # readers of ontologies are not loaded for --help

    folder = settings_of(data=data).vocab_path
    if sum((bool(files), list_, reset)) != 1:
        raise process.Usage("name the files to load, or say --list or --reset; one of these")
    try:
        if files:
            made = build.update(folder, files)
            vocab.use(folder)
        elif reset:
            gone = build.reset(folder)
            vocab.use(folder)
            made = build.loaded(folder)
            if not json:
                terminal.say(f"bundled again: {', '.join(gone)}" if gone else "nothing was loaded")
        else:
            made = build.loaded(folder)
    except published.Unreadable as error:
        raise Trouble(str(error)) from error
    if json:
        terminal.emit({"loaded": [asdict(each) for each in made], "fingerprint": vocab.fingerprint()})
        return
    rows = [_row(name, next((each for each in made if each.name == name), None)) for name in vocab.KEPT]
    terminal.table(("table", "terms", "names", "replaced ids", "made of", "loaded"), rows)
    if files:
        terminal.say("the index is made again when it is next opened; restart a running node")


def _row(name: str, made: Loaded | None) -> tuple[str, ...]:
    if made is None:
        terms = vocab.bundled(name).rows.values()
        return name, f"{len(terms):,}", f"{sum(len(row.names) for row in terms):,}", "", "bundled", ""
    counts = f"{made.terms:,}", f"{made.names:,}", f"{made.replaced:,}"
    return name, *counts, "bundled, " + ", ".join(made.files), made.loaded_at
