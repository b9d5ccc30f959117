"""The command line: the one place that knows both the harvester and the server.

Each command loads what it needs when it is called, so that `headwater serve` runs where the package
`harvester` is not there, and `--help` answers at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import process, terminal
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
    from harvester import registry
    from harvester.quickstart import Told, gather

    settings = _settings(data=data, offline=offline, host=host, port=port)
    chosen = names or [source.card.name for source in registry.SOURCES]
    _known(chosen)

    async def work() -> int:
        with terminal.rows() as rows:
            async with serving.serving(settings, terminal.say) as served:

                def watch(report: Report) -> None:
                    _show(rows, report)

                def tell(told: Told) -> None:
                    rows.note(told.source, told.text)

                reports = await gather(
                    served.store,
                    user_agent=settings.user_agent,
                    offline=settings.offline,
                    reach_seconds=settings.reach_seconds,
                    names=chosen,
                    tell=tell,
                    watch=watch,
                )
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
    """Harvest sources: what changed since last time, or everything the first time."""
    from harvester import jobs

    settings = _settings(data=data, offline=offline)
    _checked(jobs.check_scope, scope)
    wanted = jobs.Wanted(_known(names), scope, full, newest, replica, _pairs(option))
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

    settings = _settings(data=data, host=host, port=port)

    async def work() -> int:
        async with serving.serving(settings, terminal.say):
            await asyncio.Event().wait()
        return 0

    raise typer.Exit(process.until_stopped(work))


@app.command(epilog=examples("headwater sources", "headwater sources --json"))
def sources(data: Data = None, json: Json = False) -> None:
    """List the sources: what they are, what is held, when they were last harvested."""
    from api.node import age
    from harvester import registry
    from harvester.run import shown
    from index.store import Store

    settings = _settings(data=data)
    with Store(settings.store_path) as store:
        states, counts = store.source_states(), store.counts()
    found: list[dict[str, Any]] = [
        {
            "name": source.card.name, **shown(source.card), "scopes": list(source.card.scopes),
            "pace_seconds": source.card.pace, "pace_from": source.card.pace_from,
            "records": counts.get(source.card.name, {}).get("current", 0),
            "origin": states[source.card.name].origin if source.card.name in states else None,
            "fresh_at": states[source.card.name].fresh_at if source.card.name in states else None,
            "state": states[source.card.name].last_state if source.card.name in states else None,
        }
        for source in registry.SOURCES
    ]  # fmt: skip
    if json:
        terminal.emit({"sources": found})
        return
    columns = ("source", "title", "scopes", "records", "fresh", "last harvest", "origin")
    terminal.table(
        columns,
        [
            (s["name"], s["title"], ", ".join(s["scopes"]), s["records"], age(s["fresh_at"]),
             s["state"] or "never", _origin(s["origin"]))
            for s in found
        ],
    )  # fmt: skip


@app.command(epilog=examples("headwater status", "headwater status --json"))
def status(data: Data = None, json: Json = False) -> None:
    """Show what the node holds, how far the index is, and how the last harvests ended."""
    from api import status as shown

    settings = _settings(data=data)
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
    )
)
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words, as in the search box")] = None,
    data: Data = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="NAME=VALUE; -NAME=VALUE excludes")
    ] = None,
    facets: Annotated[str, typer.Option(help="Fields to count, comma-separated, or all")] = "",
    sort: Annotated[str | None, typer.Option(help="relevance, newest, oldest or largest")] = None,
    size: Annotated[int, typer.Option(min=0, max=100, help="Records to show")] = 10,
    json: Json = False,
) -> None:
    """Search from the command line; --json prints what the API would answer."""
    from api import status as shown

    pairs = [("q", " ".join(words or ())), ("size", str(size)), *(("facets", facets),) * bool(facets)]
    pairs += [("sort", sort)] if sort else []
    pairs += [_pair(text) for text in filter_ or ()]
    answer = shown.search(_settings(data=data), pairs)
    if json:
        terminal.emit(answer)
    else:
        shown.show_answer(answer)


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

    shown.reindex(_settings(data=data))


@app.command(epilog=examples("headwater reread", "headwater reread ssbd"))
def reread(names: Names = None, data: Data = None, json: Json = False) -> None:
    """Read the stored documents again after a mapping changed; no network."""
    from harvester import jobs

    settings = _settings(data=data)
    with terminal.rows(quiet=json) as rows:
        reports = jobs.reread_all(settings, _known(names), lambda report: _show(rows, report))
    _print_reports(reports, json)


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


# ---- shared by the commands ------------------------------------------------------------------


def _settings(**given: object) -> Settings:
    from api.logs import configure

    chosen = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**chosen)  # type: ignore[arg-type]  # checked by pydantic, errors told by main()
    configure(settings.log_level)
    return settings


def _known(names: list[str] | None) -> list[str]:
    """Check names of sources; none means all."""
    from harvester import registry

    if not names:
        return [source.card.name for source in registry.SOURCES]
    try:
        return [registry.source(name).card.name for name in names]
    except registry.UnknownSource as error:
        raise process.Usage(str(error)) from error


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


def _origin(origin: object) -> str:
    return "origin: replica" if origin == "replica" else str(origin or "")


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
