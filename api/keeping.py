"""The commands that look after a node: quarantine, backup, restore, check."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from sqlalchemy.exc import DatabaseError, OperationalError

from api import process, terminal
from api.options import Data, Json, examples, settings_of
from api.quarantine import gather, harmless, readable
from api.status import Trouble
from config import VERSION
from config.settings import Settings
from index import backup as backups
from index.check import check_store
from index.damage import Damage, Tally
from index.engines.tantivy import EngineBusy, TantivyEngine, discard
from index.mend import ReadAgain, mend_engine, mend_store
from index.quarantine import Wanted, find
from index.reconcile import UNREADABLE, check_engine
from index.store import Store
from index.tables import StoreTooNew

Value = TypeVar("Value")

app = typer.Typer()
quarantine = typer.Typer(
    name="quarantine",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look at the documents that could not be read, and read them again.",
    epilog=examples(
        "headwater quarantine list", "headwater quarantine show 1234", "headwater quarantine retry"
    ),
)
app.add_typer(quarantine)

SourceOption = Annotated[str | None, typer.Option("--source", help="Only of this source")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only with this in the reason")]


@quarantine.command(
    "list",
    epilog=examples("headwater quarantine list", "headwater quarantine list --source idr --reason title"),
)
def list_(  # options of a command
    source: SourceOption = None,
    reason: ReasonOption = None,
    size: Annotated[int, typer.Option(min=1, help="Documents to list")] = 50,
    after: Annotated[int, typer.Option(min=0, help="Only those after this number")] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the documents in quarantine, with their reasons counted."""
    with _opened(settings_of(data=data)) as store:
        found = gather(store, Wanted(source, reason), size, after)
    if json:
        terminal.emit(found)
        return
    terminal.say(f"{found['total']:,} {'document' if found['total'] == 1 else 'documents'} in quarantine")
    if not found["documents"]:
        return
    counted = [(r["source"], r["count"], _plain(r["reason"]), r["example"]) for r in found["reasons"]]
    terminal.table(("source", "documents", "reason", "one of them"), counted)
    terminal.say()
    rows = [
        (str(d["did"]), d["source"], _plain(d["upstream_id"]), d["last_at"], _plain(d["reason"]))
        for d in found["documents"]
    ]
    terminal.table(("number", "source", "upstream's id", "last tried", "reason"), rows)
    if found["next"] is not None:
        terminal.say(f"\ngo on with --after {found['next']}")


@quarantine.command("show", epilog=examples("headwater quarantine show 1234", "headwater quarantine list"))
def show(
    number: Annotated[int, typer.Argument(help="Number of the document, as `list` prints it")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Show why a document is in quarantine, and its text as it came."""
    with _opened(settings_of(data=data)) as store:
        found = find(store, number)
    if found is None:
        raise Trouble(
            f"no document {number} is in quarantine; `headwater quarantine list` shows those that are"
        )
    shown = readable(found)
    if json:
        terminal.emit(shown)
        return
    facts = {
        "document": f"{shown['upstream_id']} of {shown['source']}, kept {shown['kept_at']}",
        "reason": shown["reason"],
        "first tried": shown["first_at"],
        "last tried": f"{shown['last_at']} by run {shown['run_id']}",
        "read by": f"mapping {shown['mapping_version']}, Headwater {shown['code'] or 'of unknown version'}",
    }
    for name, value in facts.items():
        terminal.say(f"{name + ':':<13}{_plain(value)}")
    if shown["raw"] is None:
        terminal.say("its text was lost; the next full harvest asks for it again")
        return
    terminal.say(f"{'text:':<13}{shown['media_type']}, {len(found['raw']):,} bytes\n")
    sys.stdout.write(harmless(shown["raw"]) + "\n")


@app.command(
    epilog=examples("headwater backup /backups/", "headwater backup monday.sqlite.zst --data /srv/headwater")
)
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="Where to; a folder gets a dated file")
    ],
    data: Data = None,
    json: Json = False,
) -> None:
    """Write the store into one compressed file, while harvests and servers go on. The index is not in it."""
    settings = settings_of(data=data)
    _must_exist(settings)
    file = target
    if target.is_dir():
        file = target / f"headwater-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite.zst"
    elif not file.parent.is_dir():
        raise Trouble(f"there is no folder {file.parent}; make it first")

    def work() -> int:
        with terminal.rows(quiet=json) as rows:
            watch = _watch(rows)
            made = _told(lambda: backups.backup(settings.store_path, file, version=VERSION, watch=watch))
        size = file.stat().st_size
        if json:
            terminal.emit({"file": str(file), "size": size, **asdict(made)})
        else:
            terminal.say(f"{file}: {_holds(made)}; {size / 1e6:,.1f} MB, SHA-256 {made.sha256[:12]}…")
        return 0

    raise typer.Exit(process.to_the_end(work))


@app.command(
    epilog=examples(
        "headwater restore monday.sqlite.zst", "headwater restore monday.sqlite.zst --data /srv/new",
        "headwater restore monday.sqlite.zst --force",
    )
)  # fmt: skip
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `headwater backup` wrote")],
    data: Data = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take the place of a store; that one is kept beside it")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup in place, after it was checked whole. The index is made again at the next start."""
    settings = settings_of(data=data)
    if not file.is_file():
        raise process.Usage(f"no such file: {file}")

    def work() -> int:
        with terminal.rows(quiet=json) as rows:
            made, kept = _told(
                lambda: backups.restore(
                    file,
                    settings.store_path,
                    force=force,
                    clear_engine=lambda: _clear(settings),
                    watch=_watch(rows),
                )
            )
        if json:
            terminal.emit({"store": str(settings.store_path), "kept": kept and str(kept), **asdict(made)})
            return 0
        terminal.say(f"restored {_holds(made)}, as of {made.made_at}")
        if kept is not None:
            terminal.say(f"the store that was there is kept as {kept}; remove it when it is not needed")
        return 0

    raise typer.Exit(process.to_the_end(work))


def check(settings: Settings, *, mend: bool, json: bool, read_again: ReadAgain) -> int:
    """Check a node, mend it if asked, and tell; answer the exit code."""
    with _opened(settings) as store, terminal.rows(quiet=json) as rows:
        found, mended = _look(store, settings, _watch(rows)), []
        if mend and found.damage:
            before = found
            with _mending(settings, before) as engine:
                mend_store(store, before, read_again)
                mend_engine(store, engine, before, _watch(rows))
            found = _look(store, settings, _watch(rows))
            mended = [damage for damage in before.damage if damage.kind not in found.found]
    answer = {
        "whole": not found.damage,
        "checked": dict(found.checked),
        "behind": found.behind,
        "damage": [_shape(damage) for damage in found.damage],
        "mended": [_shape(damage) for damage in mended],
    }
    if json:
        terminal.emit(answer)
    else:
        _tell(answer, mend=mend)
    return 1 if found.damage else 0


def tell_retried(counts: Mapping[str, Mapping[str, int]], *, json: bool) -> None:
    """Tell what became of documents that were read again, by source."""
    found = [
        {
            "source": source,
            "tried": sum(own.values()),
            "records": sum(own.values()) - own.get("quarantined", 0) - own.get("out_of_scope", 0),
            "out_of_scope": own.get("out_of_scope", 0),
            "quarantined": own.get("quarantined", 0),
        }
        for source, own in counts.items()
    ]
    if json:
        terminal.emit(found)
        return
    for one in found:
        terminal.say(
            f"{one['source']}: of {one['tried']:,} documents {one['records']:,} became records, "
            f"{one['out_of_scope']:,} are out of scope, {one['quarantined']:,} stay in quarantine"
        )
    if not found:
        terminal.say("nothing was read again")


def _look(store: Store, settings: Settings, watch: Callable[[str, int, int], None]) -> Tally:
    tally = Tally()
    check_store(store, tally, watch)
    try:
        engine = TantivyEngine(settings.index_path, shards=settings.index_shards)
    except UNREADABLE as error:
        tally.add("index unreadable", str(error), 0)
        return tally
    check_engine(store, engine, tally, watch)
    engine.close()
    return tally


@contextmanager
def _mending(settings: Settings, tally: Tally) -> Iterator[TantivyEngine]:
    """Hold the index for mending; one that cannot be read is thrown away first."""
    try:
        if "index unreadable" in tally.found:
            discard(settings.index_path)
        engine = TantivyEngine(settings.index_path, writing=True, shards=settings.index_shards)
    except EngineBusy as error:
        raise Trouble(f"{error}; stop `headwater serve` and harvests, then mend") from error
    try:
        yield engine
    finally:
        engine.close()


def _clear(settings: Settings) -> None:
    """Empty the index before another store takes the place of the one it was made from."""
    try:
        discard(settings.index_path)
    except EngineBusy as error:
        raise Trouble(f"{error}; stop it first") from error


def _shape(damage: Damage) -> dict[str, Any]:
    meaning = damage.meaning
    return {
        "kind": damage.kind,
        "what": meaning.what,
        "count": damage.count,
        "examples": damage.examples,
        "mending": meaning.mending,
        "advice": meaning.advice,
    }


def _tell(answer: dict[str, Any], *, mend: bool) -> None:
    counts = ", ".join(f"{count:,} {what}" for what, count in answer["checked"].items())
    terminal.say(f"checked {counts or 'nothing: the store is empty'}")
    if answer["behind"]:
        terminal.say(
            f"the index is {answer['behind']:,} revisions behind; the next start brings it up to date"
        )
    for found in answer["mended"]:
        terminal.say(f"mended: {found['count']:,} {found['what']}: {found['mending']}")
    for found in answer["damage"]:
        terminal.warn(f"{found['count']:,} {found['what']}: {_plain('; '.join(found['examples']))}")
        can = found["mending"] is not None and not mend
        terminal.say(f"  {'mend it: headwater check --mend' if can else found['advice']}")
    if answer["whole"]:
        terminal.say("store and index are whole and agree")


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    _must_exist(settings)
    try:
        with Store(settings.store_path) as store:
            yield store
    except StoreTooNew as error:
        raise Trouble(str(error)) from error
    except DatabaseError as error:
        if isinstance(error, OperationalError):
            raise  # a full disk or a lock: told as for every command
        raise Trouble(
            f"the store cannot be read ({error.orig}); restore a backup: headwater restore FILE --force"
        ) from error


def _must_exist(settings: Settings) -> None:
    if not settings.store_path.exists():
        message = f"nothing was harvested into {settings.data} yet; start with `headwater quickstart`"
        raise Trouble(message)


def _told(work: Callable[[], Value]) -> Value:
    """Do a backup or restore; say what a person can mend."""
    try:
        return work()
    except FileExistsError as error:
        raise Trouble(f"there is a store at {error.args[0]}; --force takes its place and keeps it") from error
    except backups.InUse as error:
        raise Trouble(f"{error}; stop `headwater serve` and harvests, then restore") from error
    except (backups.NotRestorable, backups.Damaged) as error:
        raise Trouble(str(error)) from error
    except OSError as error:
        raise Trouble(f"{error.strerror or error}: {error.filename or 'the file'}") from error


def _watch(rows: terminal.Rows) -> Callable[[str, int, int], None]:
    def watch(what: str, done: int, total: int) -> None:
        rows.update(what, "", done=done, total=total, ended=False)

    return watch


def _holds(made: backups.Manifest) -> str:
    records = sum(made.sources.values())
    return f"{records:,} records of {len(made.sources)} sources at revision {made.revision:,}"


def _plain(text: str) -> str:
    """Make a text of an upstream's harmless, to the terminal and to the table's markup."""
    return escape(harmless(text))
