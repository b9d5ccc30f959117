"""The commands `export`, `certify` and `rerun`: whole results in files, searches that can be checked."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from multidict import MultiDict

from api import certificate as certificates
from api import process, terminal
from api.export import Export, Part, Sum
from api.formats.forms import FORMS
from api.node import Node
from api.options import Data, Json, examples, settings_of
from api.status import Trouble, opened
from config.settings import Settings
from index.query import BadQuery
from index.search import Behind
from index.walk import Lost

app = typer.Typer()

Words = Annotated[list[str] | None, typer.Argument(help="Words, as in the search box")]
Filters = Annotated[list[str] | None, typer.Option("--filter", help="NAME=VALUE; -NAME=VALUE excludes")]
AsOf = Annotated[str | None, typer.Option(help="What was held at a day, time or revision")]
Sorted_ = Annotated[str | None, typer.Option("--sort", help="kept (the default), newest, oldest or largest")]


@dataclass(slots=True)
class Progress:
    """How far a file has come, written beside it after every part, so that a killed export goes on."""

    etag: str
    revision: int
    bytes: int = 0
    rows: int = 0
    last: str | None = None


@app.command(
    epilog=examples(
        "headwater export mitosis --output mitosis.ndjson",
        'headwater export "light sheet" --format csv --filter source=idr --output light-sheet.csv',
        "headwater export --format bibtex --filter year=2024 > all.bib",
        "headwater export --as-of 2026-03-31 --sort newest --output then.ndjson",
    )
)
def export(
    words: Words = None,
    form: Annotated[str, typer.Option("--format", help=", ".join(FORMS))] = "ndjson",
    output: Annotated[Path | None, typer.Option(help="File to write; else it is printed")] = None,
    filter_: Filters = None,
    sort: Sorted_ = None,
    as_of: AsOf = None,
    data: Data = None,
) -> None:
    """Write a whole result, its checksum and its certificate; a call after Ctrl-C goes on where it ended."""
    asked = _asked(words, filter_, sort, as_of)
    asked["format"] = form
    settings = settings_of(data=data)
    if output is None:
        raise typer.Exit(
            process.to_the_end(lambda: _told(settings, lambda node: _print(node, settings, asked)))
        )
    file = output
    raise typer.Exit(
        process.to_the_end(lambda: _told(settings, lambda node: _write(node, settings, asked, file)))
    )


@app.command(
    epilog=examples(
        "headwater certify mitosis > mitosis.certificate.json",
        'headwater certify "light sheet" --filter organism=mouse --text',
    )
)
def certify(
    words: Words = None,
    filter_: Filters = None,
    as_of: AsOf = None,
    text: Annotated[bool, typer.Option("--text", help="Only the paragraph for a methods section")] = False,
    data: Data = None,
) -> None:
    """Print the certificate of a search: what was asked, of which state, and a digest of what was found."""
    asked, settings = _asked(words, filter_, None, as_of), settings_of(data=data)

    def work(node: Node) -> int:
        made = certificates.make(node.catalogue, asked, address(settings))
        if text:
            sys.stdout.write(made["text"] + "\n")
        else:
            terminal.emit(made)
        return 0

    raise typer.Exit(process.to_the_end(lambda: _told(settings, work)))


@app.command(
    epilog=examples(
        "headwater rerun mitosis.certificate.json",
        "headwater rerun mitosis.certificate.json --json --size 100000",
    )
)
def rerun(
    file: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="File with a certificate; - for input")],
    size: Annotated[
        int, typer.Option(min=0, max=certificates.LARGEST_LIST, help="Differences to list; all are counted")
    ] = 50,
    data: Data = None,
    json: Json = False,
) -> None:
    """Do a certified search again: "same" (exit code 0), or what appeared, changed and vanished (1)."""
    if str(file) != "-" and not file.is_file():
        raise process.Usage(f"no such file: {file}")
    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()

    def work(node: Node) -> int:
        found = certificates.repeat(node.catalogue, certificates.read(body), size)
        if json:
            terminal.emit(found)
        else:
            _show(found)
        return 0 if found["outcome"] == "same" else 1

    raise typer.Exit(process.to_the_end(lambda: _told(settings_of(data=data), work)))


def address(settings: Settings) -> str:
    """Answer the address under which the node is reached, when it serves."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def _asked(
    words: list[str] | None, filters: list[str] | None, sort: str | None, as_of: str | None
) -> MultiDict[str]:
    pairs = [(name, text) for name, text in (("sort", sort), ("as_of", as_of)) if text]
    for each in filters or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise process.Usage(f"{each!r} is not NAME=VALUE")
        pairs.append((name, value))
    return MultiDict([("q", " ".join(words or ())), *pairs])


def _told(settings: Settings, work: Callable[[Node], int]) -> int:
    """Work on a node's store and index; what somebody can mend is told in a line."""
    with opened(settings) as node:
        try:
            return work(node)
        except (BadQuery, Behind, Lost) as error:
            raise Trouble(str(error)) from error


def _show(found: dict[str, Any]) -> None:
    terminal.say(f"{found['outcome']}: {found['text']}")
    if found["changes"]:
        rows = [(each["change"], each["id"], each["why"] or "") for each in found["changes"]]
        terminal.table(("change", "record", "why"), terminal.unmarked(rows))
    if found["more"]:
        terminal.say(f"{found['more']:,} more; --size lists more")


def _print(node: Node, settings: Settings, asked: MultiDict[str]) -> int:
    for part in Export(node.catalogue, asked, address(settings)).parts():
        sys.stdout.buffer.write(part.body)
    sys.stdout.buffer.flush()
    return 0


# ---- a file that is whole or called .part ----------------------------------------------------


def _write(node: Node, settings: Settings, asked: MultiDict[str], file: Path) -> int:
    if file.exists():
        raise Trouble(f"{file} is there already; name another file or move it away")
    begun, wanted = _begin(node, settings, asked, file)
    part, noted = _beside(file, ".part"), _beside(file, ".part.json")
    try:
        digest = _append(wanted, begun, part, noted)
    except KeyboardInterrupt:
        terminal.warn(f"stopped after {begun.rows:,} records in {part}; the same command goes on there")
        return 130
    made = certificates.make(node.catalogue, _pinned(asked, begun.revision), address(settings))
    made["as_of"] = asked.get("as_of")  # what was asked; that the revision was pinned is our doing
    made["export"] = asdict(Sum(wanted.form.name, begun.bytes, digest))
    _beside(file, ".certificate.json").write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n")
    _beside(file, ".sha256").write_text(f"{digest}  {file.name}\n")
    part.replace(file)
    noted.unlink()
    terminal.err.print(
        f"{begun.rows:,} records, {begun.bytes:,} bytes in {file}; SHA-256 {digest}", soft_wrap=True
    )
    return 0


def _begin(node: Node, settings: Settings, asked: MultiDict[str], file: Path) -> tuple[Progress, Export]:
    """Begin a file, or go on with the part that an earlier call left."""
    base, noted = address(settings), _beside(file, ".part.json")
    if not noted.exists():
        wanted = Export(node.catalogue, asked, base)
        return Progress(wanted.etag, wanted.walk.revision), wanted
    begun = Progress(**orjson.loads(noted.read_bytes()))
    pinned = _pinned(asked, begun.revision)
    wanted = Export(node.catalogue, pinned, base)
    if wanted.etag != begun.etag:
        raise Trouble(
            f"{_beside(file, '.part')} is of another search, form or program; remove it and {noted}, or name "
            "another file"
        )
    part = _beside(file, ".part")
    is_there = part.exists() and part.stat().st_size >= begun.bytes
    if not is_there or not wanted.form.resumable:
        return Progress(wanted.etag, wanted.walk.revision), wanted
    pinned["after"] = str(begun.last)
    return begun, Export(node.catalogue, pinned, base)


def _append(wanted: Export, begun: Progress, part: Path, noted: Path) -> str:
    """Write what is missing of a file; answer the checksum of the whole."""
    digest = hashlib.sha256()
    with part.open("ab") as body, terminal.rows() as rows:
        body.truncate(begun.bytes)  # what was written after the last note may be half a record
        _digest(part, digest.update)
        for each in wanted.parts():
            body.write(each.body)
            body.flush()
            digest.update(each.body)
            _note(begun, each, noted)
            rows.update("export", "records", done=begun.rows, total=wanted.walk.total, ended=False)
    return digest.hexdigest()


def _digest(file: Path, update: Callable[[bytes], object]) -> None:
    with file.open("rb") as body:
        while chunk := body.read(1 << 20):
            update(chunk)


def _note(begun: Progress, part: Part, noted: Path) -> None:
    begun.bytes += len(part.body)
    begun.rows += part.rows
    if part.last is None:
        return  # a beginning or an end is written again
    begun.last = part.last
    new = noted.with_name(noted.name + ".new")
    new.write_bytes(orjson.dumps(asdict(begun)))
    new.replace(noted)


def _pinned(asked: MultiDict[str], revision: int) -> MultiDict[str]:
    return MultiDict([*((n, v) for n, v in asked.items() if n != "as_of"), ("as_of", str(revision))])


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)
