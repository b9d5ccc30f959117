"""The command line: the one place that knows both the harvester and the server.

Each command loads what it needs when it is called, so that `headwater serve` runs where the package
`harvester` is not there, and `--help` answers at once.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import (
    exporting,
    following,
    keeping,
    kinship,
    losses,
    matching,
    operating,
    process,
    terminal,
    vocabulary,
)
from api.options import Data, Json, Names, Offline, examples, settings_of
from config import VERSION
from config.settings import Settings

if TYPE_CHECKING:
    from harvester.run import Report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Headwater harvests research data repositories into one record and searches them at once.\n\n"
    "Start with `headwater quickstart`.",
)

app.add_typer(keeping.app)
app.add_typer(exporting.app)
app.add_typer(losses.sources)
app.add_typer(matching.app)
app.add_typer(following.app)
app.add_typer(kinship.app)
app.add_typer(vocabulary.app)
app.add_typer(operating.app)


@app.command(
    epilog=examples(
        "headwater quickstart", "headwater quickstart --offline --port 8090", "headwater quickstart idr"
    )
)
def quickstart(  # options of a command
    names: Names = None,
    data: Data = None,
    offline: Offline = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on; 0 for a free one")] = None,
    stop: Annotated[bool, typer.Option("--exit", help="End when the harvest is done")] = False,
) -> None:
    """Harvest every source a little, index, serve, and say what to open and try."""
    from api import serving
    from harvester.quickstart import Told, gather

    settings = settings_of(data=data, offline=offline, host=host, port=port)
    chosen = _enabled(settings, names)

    async def work() -> int:
        with terminal.rows() as rows:
            async with serving.serving(settings, terminal.say) as served:

                def watch(report: Report) -> None:
                    _show(rows, report)

                def tell(told: Told) -> None:
                    rows.note(told.source, told.text)

                reports = await gather(served.store, settings, names=chosen, tell=tell, watch=watch)
                await served.caught_up()
                terminal.say(serving.what_to_try(served))
                if not stop:
                    await asyncio.Event().wait()
        return 0 if all(report.state == "complete" for report in reports) else 1

    raise typer.Exit(process.until_stopped(work))


@app.command(
    epilog=examples(
        "headwater harvest",
        "headwater harvest zenodo --scope everything --full",
        "headwater harvest dryad --newest 200",
        "headwater harvest --probe idr",
        "headwater harvest empiar --replica http://127.0.0.1:9101",
    )
)
def harvest(
    names: Names = None,
    data: Data = None,
    scope: Annotated[str | None, typer.Option(help="imaging or everything")] = None,
    full: Annotated[bool, typer.Option("--full", help="All of it, not only what changed")] = False,
    newest: Annotated[int | None, typer.Option(min=1, help="Only so many of the newest")] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Check what we assume of an upstream; store nothing")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop the harvests that are under way")] = False,
    replica: Annotated[str | None, typer.Option(help="Ask this replica instead of the upstream")] = None,
    option: Annotated[list[str] | None, typer.Option(help="A choice of the source, NAME=VALUE")] = None,
    offline: Offline = None,
    json: Json = False,
) -> None:
    """Harvest sources: what changed since last time, or everything the first time.

    Without names, every source that is neither `enabled = false` nor paused. Only `headwater up` alerts.
    """
    from harvester import jobs

    settings = settings_of(data=data, offline=offline)
    _checked(jobs.check_scope, scope)
    chosen = _known(names) if cancel else _enabled(settings, names)
    if not names and not cancel:
        chosen = operating.left_out(settings, chosen)
    wanted = jobs.Wanted(chosen, scope, full, newest, replica, _pairs(option))
    if cancel:
        asked = jobs.cancel(settings, wanted.names)
        for name, run_id in asked.items():
            terminal.say(f"{name}: run {run_id} was asked to stop; it keeps what it has")
        terminal.say("" if asked else "no harvest is under way")
        raise typer.Exit(0)
    if probe:
        raise typer.Exit(process.until_stopped(lambda: _probe(settings, wanted, json)))

    async def work() -> int:
        with terminal.rows(quiet=json) as rows:
            reports = await jobs.harvest_all(settings, wanted, lambda report: _show(rows, report), rows.note)
        _print_reports(reports, json)
        return 0 if reports and all(report.state == "complete" for report in reports) else 1

    raise typer.Exit(process.until_stopped(work))


@app.command(epilog=examples("headwater serve", "headwater serve --host 0.0.0.0 --port 80"))
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on; 0 for a free one")] = None,
) -> None:
    """Serve the search page and the API of what was harvested."""
    from api import serving

    settings = settings_of(data=data, host=host, port=port)

    async def work() -> int:
        async with serving.serving(settings, terminal.say):
            await asyncio.Event().wait()
        return 0

    raise typer.Exit(process.until_stopped(work))


@app.command(
    epilog=examples("headwater up", "headwater up zenodo dryad --port 8090", "headwater up --offline")
)
def up(
    names: Names = None,
    data: Data = None,
    offline: Offline = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on; 0 for a free one")] = None,
) -> None:
    """Harvest every source when it is due, index, serve and tell what fails, until it is stopped."""
    from api import serving
    from harvester.schedule import keeping

    settings = settings_of(data=data, offline=offline, host=host, port=port)
    chosen = _enabled(settings, names)
    if names:
        settings = settings.with_enabled(chosen)

    async def work() -> int:
        with terminal.rows() as rows:
            async with (
                serving.serving(settings, terminal.say) as served,
                keeping(served.store, settings, chosen, rows.note, lambda report: _show(rows, report)),
            ):
                await asyncio.Event().wait()
        return 0

    raise typer.Exit(process.until_stopped(work))


@losses.sources.callback(
    invoke_without_command=True,
    epilog=examples("headwater sources", "headwater sources --json", "headwater sources loss idr"),
)
def sources(ctx: typer.Context, data: Data = None, json: Json = False) -> None:
    """List the sources: what they are, what is held, when they were harvested and are due again."""
    if ctx.invoked_subcommand:
        return
    from api import listing
    from harvester import registry
    from harvester.run import shown

    settings = settings_of(data=data)
    cards = [source.card for source in registry.SOURCES]
    told = [
        {
            "name": card.name, **shown(card, settings.schedule(card.name)), "scopes": list(card.scopes),
            "pace_seconds": card.pace, "pace_from": card.pace_from,
        }
        for card in cards
    ]  # fmt: skip
    found = listing.gather(settings, told)
    if json:
        terminal.emit({"sources": found})
    else:
        listing.show(found)


@app.command(epilog=examples("headwater status", "headwater status --json"))
def status(data: Data = None, json: Json = False) -> None:
    """Show what the node holds, how far the index is, and how the last harvests ended."""
    from api import status as shown

    settings = settings_of(data=data)
    found = shown.gather(settings)
    if json:
        terminal.emit(found)
    else:
        shown.show(found)


@app.command(
    epilog=examples(
        'headwater search "light sheet" zebrafish',
        "headwater search mitosis --filter source=idr --filter year=2019..",
        "headwater search EMPIAR-10310 --json",
        "headwater search mitosis --as-of 2026-03-31",
        "headwater search 'creator:smith* year:2019.. bytes:>1GB -is:embargoed'",
        "headwater search --filter withdrawn=only",
        "headwater search --facets organism,license --collapse family",
        "headwater search fruit fly gastrulation --filter match=most",
    )
)
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words, as in the search box")] = None,
    data: Data = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="NAME=VALUE; -NAME=VALUE excludes")
    ] = None,
    facets: Annotated[str, typer.Option(help="Fields to count, comma-separated, or all")] = "",
    sort: Annotated[
        str | None, typer.Option(help="relevance, newest, oldest, largest, kept, changed")
    ] = None,
    collapse: Annotated[
        str | None, typer.Option(help="What is one hit: family, version (the default) or none")
    ] = None,
    size: Annotated[int, typer.Option(min=0, max=100, help="Records to show")] = 10,
    as_of: Annotated[str | None, typer.Option(help="What was held at a day, time or revision")] = None,
    json: Json = False,
) -> None:
    """Search from the command line; --json prints what the API would answer."""
    from api import searching
    from api import status as shown

    facets = facets or ("" if json else ",".join(searching.BRIEF))
    pairs = [("q", " ".join(words or ())), ("size", str(size)), *(("facets", facets),) * bool(facets)]
    pairs += [("facet_size", str(searching.VALUES))] * (not json)
    pairs += [(name, text) for name, text in (("sort", sort), ("as_of", as_of)) if text]
    pairs += [("collapse", collapse)] if collapse else []
    pairs += [_pair(text) for text in filter_ or ()]
    answer = shown.search(settings_of(data=data), pairs)
    if json:
        terminal.emit(answer)
    else:
        searching.show(answer)


@app.command(
    epilog=examples(
        "headwater diff --from 2026-03-01",
        "headwater diff --from 2026-03-01 --to 2026-03-31 --source zenodo",
        "headwater diff --from 1200 --to 1300 --json",
    )
)
def diff(
    from_: Annotated[str, typer.Option("--from", help="A day, a time (UTC) or a revision")],
    to: Annotated[str, typer.Option(help="The same; now, if it is left out")] = "",
    source: Annotated[str, typer.Option(help="Of this source only")] = "",
    size: Annotated[int, typer.Option(min=0, help="Records to list; the counts are of all")] = 20,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what appeared, changed and vanished between two moments, by source."""
    from api import past

    asked = {name: text for name, text in (("from", from_), ("to", to), ("source", source)) if text}
    past.diff(settings_of(data=data), asked, size, json=json)


@app.command(
    epilog=examples(
        "headwater read zenodo record.json page.xml", "headwater read idr recorded/ | jq .record.title"
    )
)
def read(
    source: Annotated[str, typer.Argument(help="Name of the source")],
    files: Annotated[list[Path], typer.Argument(help="Recorded upstream answers, or folders of them")],
    pretty: Annotated[bool, typer.Option("--pretty", help="Indent the JSON")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line; the default")] = False,
) -> None:
    """Read recorded upstream answers into records; no network, no store. One JSON object per document."""
    import orjson

    from harvester import registry
    from harvester.reading import read_files

    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise process.Usage(f"no such file: {', '.join(missing)}")
    (name,) = _known([source])
    how = orjson.OPT_INDENT_2 if pretty and not json else 0
    for outcome in read_files(registry.source(name), files):
        sys.stdout.buffer.write(orjson.dumps(outcome, option=how) + b"\n")


@app.command(epilog=examples("headwater reindex"))
def reindex(data: Data = None) -> None:
    """Throw the index away and make it again from the store."""
    from api import status as shown

    shown.reindex(settings_of(data=data))


@app.command(epilog=examples("headwater reread", "headwater reread ssbd"))
def reread(names: Names = None, data: Data = None, json: Json = False) -> None:
    """Read the stored documents again after a mapping changed; no network."""
    from harvester import jobs

    settings = settings_of(data=data)
    with terminal.rows(quiet=json) as rows:
        found = jobs.reread_all(settings, _known(names), lambda report: _show(rows, report), rows.note)
    _print_reports(found.reports, json)
    raise typer.Exit(1 if found.busy else 0)


@app.command(
    epilog=examples(
        "headwater rehearse",
        "headwater rehearse zenodo --generate 100000",
        "headwater rehearse --holdings recorded/ --limits",
        "headwater rehearse dryad --fault 503@2x3",
    )
)
def rehearse(
    names: Names = None,
    holdings: Annotated[Path | None, typer.Option(help="Folder with recorded upstream documents")] = None,
    generate: Annotated[int | None, typer.Option(min=1, help="Make so many documents per source")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same documents")] = 1,
    port: Annotated[int, typer.Option(help="First port; the others follow")] = 9101,
    limits: Annotated[bool, typer.Option("--limits", help="Enforce the upstreams' rate limits")] = False,
    fault: Annotated[list[str] | None, typer.Option(help="KIND@N or KIND@NxTIMES, such as 503@2x3")] = None,
    json: Json = False,
) -> None:
    """Start the replicas: small servers on loopback that speak the upstreams' own protocols."""
    from harvester import jobs

    for text in fault or ():
        _checked(jobs.fault_of, text)

    async def work() -> int:
        stock = jobs.stock(holdings, generate, seed, limits)
        async with jobs.rehearsal(_known(names), stock, port, fault or []) as running:
            if json:
                terminal.emit({name: replica.base for name, replica in running.items()})
            else:
                rows = [(name, replica.base, len(replica.holdings)) for name, replica in running.items()]
                terminal.table(("source", "replica", "documents"), rows)
                first, base, _ = rows[0]
                terminal.say(
                    f"\nharvest one with: headwater harvest {first} --replica {base}\nCtrl-C ends them"
                )
            await asyncio.Event().wait()
        return 0

    raise typer.Exit(process.until_stopped(work))


@app.command(epilog=examples("headwater check", "headwater check --mend", "headwater check --json"))
def check(
    mend: Annotated[bool, typer.Option("--mend", help="Mend what can be mended from what is whole")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check that store, stored documents and index are whole and agree; exit code 1 when they do not."""
    from harvester import jobs

    settings = settings_of(data=data)
    read_again = functools.partial(jobs.read_again, settings)
    raise typer.Exit(
        process.to_the_end(lambda: keeping.check(settings, mend=mend, json=json, read_again=read_again))
    )


@keeping.quarantine.command(
    epilog=examples("headwater quarantine retry", "headwater quarantine retry --source idr")
)
def retry(
    source: keeping.SourceOption = None,
    reason: keeping.ReasonOption = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Read documents in quarantine again, after a mapping was mended; no network."""
    from harvester import jobs
    from index.quarantine import Wanted

    settings = settings_of(data=data)
    with terminal.rows(quiet=json) as rows:
        wanted = Wanted(source and _known([source])[0], reason)
        reports = jobs.retry_all(settings, wanted, lambda report: _show(rows, report), rows.note)
    keeping.tell_retried({report.source: report.counts for report in reports}, json=json)


# ---- shared by the commands ------------------------------------------------------------------


def _known(names: list[str] | None) -> list[str]:
    """Check names of sources; none means all."""
    from harvester import registry

    if not names:
        return [source.card.name for source in registry.SOURCES]
    try:
        return [registry.source(name).card.name for name in names]
    except registry.UnknownSource as error:
        raise process.Usage(str(error)) from error


def _enabled(settings: Settings, names: list[str] | None) -> list[str]:
    """Check names of sources; none means all that the settings do not switch off."""
    chosen = _known(names) if names else [name for name in _known(None) if settings.source(name).enabled]
    if not chosen:
        raise process.Usage("every source is switched off (enabled = false in the settings); name one")
    return chosen


def _checked(check: Callable[[Any], object], value: object) -> None:
    """Check a value before anything is started."""
    try:
        check(value)
    except ValueError as error:
        raise process.Usage(str(error)) from error


def _pairs(texts: list[str] | None) -> dict[str, str]:
    return dict(_pair(text) for text in texts or ())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise process.Usage(f"{text!r} is not NAME=VALUE")
    return name, value


def _show(rows: terminal.Rows, report: Report) -> None:
    ended = report.state != "running"
    text = terminal.counts(report.counts)
    if ended:
        text = f"{report.state}: {text}" + (f" ({report.error})" if report.error else "")
    if report.origin == "replica":
        text += "  origin: replica"
    rows.update(report.source, text, done=report.counts["seen"], total=report.announced, ended=ended)


def _print_reports(reports: list[Report], json: bool) -> None:
    if json:
        terminal.emit(
            [
                {"source": r.source, "origin": r.origin, "run": r.run_id, "state": r.state, "error": r.error,
                 "pages": r.pages, "announced": r.announced, **r.counts}
                for r in reports
            ]
        )  # fmt: skip


async def _probe(settings: Settings, wanted: Any, json: bool) -> int:  # noqa: ANN401  # jobs.Wanted
    from harvester import jobs

    found = await jobs.probe_all(settings, wanted)
    if json:
        terminal.emit([{"source": name, **finding} for name, finding in found])
    else:
        for name, finding in found:
            mark = "holds" if not finding["differences"] else "DIFFERS"
            terminal.say(f"{name}: {mark:<8} {finding['what']}  {finding['url']}")
            for difference in finding["differences"]:
                terminal.say(f"    {difference}")
    return 0 if not any(finding["differences"] for _, finding in found) else 1


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version")] = False,
) -> None:
    if version:
        terminal.say(VERSION)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    process.told_in_one_line(app)


if __name__ == "__main__":
    main()
