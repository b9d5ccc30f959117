"""The commands `headwater families`: look at families, decide by hand, form them anew."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.markup import escape

from api import process, terminal
from api.families import shape, shape_decision
from api.options import Data, Json, examples, settings_of
from api.quarantine import harmless
from api.status import Trouble, stored
from index.families.anew import form_anew
from index.families.decisions import Decision, Refused, Verb, decide, decisions
from index.families.decisions import undo as undo_decision
from index.families.grouping import Kind
from index.families.telling import census, family_of
from index.store import Store

app = typer.Typer(
    name="families",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look at what belongs together as versions and copies, and decide it by hand.",
    epilog=examples(
        "headwater families list", "headwater families show zenodo:5026365",
        'headwater families join idr:idr0170 zenodo:18862106 --why "the same plates"',
    ),
)  # fmt: skip

One = Annotated[str, typer.Argument(help="Id of a record, such as idr:idr0002")]
Other = Annotated[str, typer.Argument(help="Id of the other record")]
Why = Annotated[str, typer.Option("--why", help="The reason, for whoever reads it later")]
Who = Annotated[str | None, typer.Option("--who", help="Who decides [default: the user of this machine]")]


@app.command(
    "list",
    epilog=examples("headwater families list", "headwater families list --kind version --size 100 --json"),
)
def list_(  # options of a command
    kind: Annotated[str, typer.Option(help="family or version")] = "family",
    size: Annotated[int, typer.Option(min=1, help="Groups to list")] = 20,
    after: Annotated[int, typer.Option(min=0, help="Only those after this number")] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """List families or version groups, and every decision by hand."""
    chosen = _kind(kind)
    with stored(settings_of(data=data)) as store:
        found, decided = census(store, chosen, after, size), decisions(store)
    if json:
        groups = [
            {"number": one.number, "members": list(one.ids), "sources": list(one.sources)}
            for one in found.listed
        ]
        decided_ = [shape_decision(one) for one in decided]
        terminal.emit(
            {"counts": dict(found.counts), "groups": groups, "next": found.next, "decisions": decided_}
        )
        return
    terminal.say(", ".join(f"{count:,} {what}" for what, count in found.counts.items()))
    if found.listed:
        rows = [(str(g.number), len(g.ids), ", ".join(g.sources), _some(g.ids)) for g in found.listed]
        terminal.table(("number", "records", "sources", "some of them"), rows)
    if found.next is not None:
        terminal.say(f"go on with --after {found.next}")
    _show_decisions(decided)


@app.command(
    epilog=examples("headwater families show idr:idr0170", "headwater families show idr:idr0170 --json")
)
def show(id_: Annotated[str, typer.Argument(metavar="ID", help="Id of a record")], data: Data = None,
         json: Json = False) -> None:  # fmt: skip
    """Show the family of a record: its members, why they belong together, and the newest version."""
    with stored(settings_of(data=data)) as store:
        kept = store.get(id_)
        if kept is None:
            raise Trouble(f"no record {id_!r} is held; give the id as `headwater search` prints it")
        told = family_of(store, kept.rid)
        decided, found = told.decisions, shape(kept, told)
    if json:
        terminal.emit(found)
        return
    rows = [
        (m["id"], m["published"] or "", _plain(m["version"] or ""), "newest" if m["newest"] else m["state"],
         _plain(m["title"] or ""))
        for m in found["members"]
    ]  # fmt: skip
    terminal.table(("record", "published", "version", "", "title"), rows)
    for one in found["evidence"]:
        terminal.say(f"{one['kind']}: {_plain(one['words'])}")
    for one in found["set_aside"]:
        terminal.say(f"set aside: {_plain(one['words'])} ({', '.join(one['members'][:5])})")
    if len(rows) == 1:
        terminal.say("it stands alone")
    _show_decisions(list(decided))


@app.command(epilog=examples('headwater families split zenodo:1 zenodo:2 --why "two plates of one screen"'))
def split(one: One, other: Other, why: Why, who: Who = None, data: Data = None, json: Json = False) -> None:
    """Keep two records apart for good, whatever evidence joins them."""
    _decide("split", one, other, why, who, data, json=json)


@app.command(
    epilog=examples(
        'headwater families join idr:idr0170 zenodo:18862106 --why "the same plates"',
        'headwater families join zenodo:1 zenodo:2 --why "deposited twice" --kind version',
    )
)
def join(  # noqa: PLR0913, PLR0917  # options of a command
    one: One,
    other: Other,
    why: Why,
    kind: Annotated[str, typer.Option(help="family, or version within one source")] = "family",
    who: Who = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Bring two records together, though nothing in them says so."""
    _decide("join", one, other, why, who, data, json=json, kind=_kind(kind))


@app.command(epilog=examples("headwater families undo 3"))
def undo(
    number: Annotated[int, typer.Argument(help="Number of the decision, as `list` prints it")],
    who: Who = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Take a decision back; it stays on record as undone."""
    with _deciding(data) as store:
        _tell(undo_decision(store, number, who or getpass.getuser()), json=json)


@app.command(epilog=examples("headwater families rebuild"))
def rebuild(data: Data = None) -> None:
    """Form all families again from the records and the decisions; harvests may go on meanwhile."""
    settings = settings_of(data=data)

    def work() -> int:
        with stored(settings) as store, terminal.rows() as rows:
            count = form_anew(
                store,
                lambda done, goal: rows.update("families", "", done=done, total=goal, ended=done == goal),
            )
            counts = census(store, "family", 0, 1).counts
        terminal.say(
            f"of {count:,} records {counts['records in families']:,} are in {counts['families']:,} families"
        )
        return 0

    raise typer.Exit(process.to_the_end(work))


def _decide(  # noqa: PLR0913  # a decision is these facts
    verb: Verb, one: str, other: str, why: str, who: str | None, data: Data,
    *, json: bool, kind: Kind = "family",
) -> None:  # fmt: skip
    with _deciding(data) as store:
        made = decide(store, verb, one, other, why=why, who=who or getpass.getuser(), kind=kind)
        _tell(made, json=json)


@contextmanager
def _deciding(data: Data) -> Iterator[Store]:
    try:
        with stored(settings_of(data=data)) as store:
            yield store
    except Refused as error:
        raise Trouble(str(error)) from error


def _kind(text: str) -> Kind:
    if text == "family":
        return "family"
    if text == "version":
        return "version"
    raise process.Usage(f"{text!r} is no kind of group; there are family and version")


def _tell(one: Decision, *, json: bool) -> None:
    if json:
        terminal.emit(shape_decision(one))
    else:
        _show_decisions([one])


def _show_decisions(told: list[Decision]) -> None:
    for one in told:
        parted = "and" if one.verb == "join" else "from"
        undone = f"; undone on {one.undone_at} by {one.undone_by}" if one.undone_at else ""
        terminal.say(
            f"decision {one.number}: {one.verb} {one.one} {parted} {one.other} ({one.kind}), "
            f"{_plain(one.who)} on {one.at}: {_plain(one.why)}{_plain(undone)}"
        )


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:4]) + (", …" if len(ids) > 4 else "")


def _plain(text: Any) -> str:  # noqa: ANN401  # a value of JSON
    """Make a text of an upstream's harmless, to the terminal and to the table's markup."""
    return escape(harmless(str(text)))
