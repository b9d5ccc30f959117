"""What the commands share on the command line: options, examples in the help, and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the store and the index [default: ./data]")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs")]
Offline = Annotated[
    bool | None, typer.Option("--offline/--live", help="Never ask a live upstream; replicas answer")
]
Names = Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Names of sources")]


def examples(*lines: str) -> str:
    """Lay out examples for the end of a help text."""
    return "**Examples**\n\n" + "\n\n".join(f"`{line}`" for line in lines)


def settings_of(**given: object) -> Settings:
    """Read the settings, with what was given on the command line; set up their logs and vocabularies."""
    from api.logs import configure  # noqa: PLC0415  # `--help` answers without loading it
    from index import vocab  # noqa: PLC0415

    chosen = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**chosen)  # type: ignore[arg-type]  # checked by pydantic, errors told by main()
    configure(settings.log_level, settings.log_format)
    vocab.use(settings.vocab_path)
    return settings
