"""Charts as SVG, by Altair and vl-convert: titled, described, in colors that everybody can tell apart.

This is the only module that imports them; they are loaded when the first chart is asked for, as they take
half a second and 100 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from api.rendering import size
from index.exploring import Table

Theme: TypeAlias = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C", "#B8A800"]
"""Colors that people with any of the usual color blindnesses tell apart (Okabe & Ito 2008), black and yellow
made gray and olive to be seen on white and on black."""
INK: dict[Theme, str] = {"light": "#17262b", "dark": "#e4edef"}
LINE: dict[Theme, str] = {"light": "#d9e2e4", "dark": "#2c3c42"}
PAPER: dict[Theme, str] = {"light": "#ffffff", "dark": "#121a1d"}
"""As on the pages: printed or opened by itself, a chart for dark pages can still be read."""
WIDTH, HEIGHT = 560, 260

TITLES = {
    "years": "Hits by year and repository",
    "methods": "Imaging methods and organisms",
    "licenses": "Licenses",
    "sizes": "Sizes of data sets",
    "institutions": "Institutions",
}
NAMES = {
    "year": "Year", "source": "Repository", "imaging_method": "Imaging method", "organism": "Organism",
    "license": "License", "bytes": "Size", "affiliation": "Institution",
}  # fmt: skip


def described(name: str, table: Table) -> str:
    """Say in a sentence what a chart shows, for those who cannot see it."""
    if not table.cells:
        return f"{TITLES[name]}: nothing to show."
    most = max(table.cells, key=lambda cell: cell.count)
    labels = " and ".join(
        _label(column, text) for column, text in zip(table.columns, most.labels, strict=True)
    )
    return f"{TITLES[name]} of {table.total:,} hits. The most, {most.count:,}, are of {labels}."


def drawn(name: str, table: Table, theme: Theme) -> bytes:
    """Draw a chart."""
    import altair as alt  # noqa: PLC0415  # see above
    import vl_convert  # noqa: PLC0415

    rows = [
        {
            **{c: _label(c, text) for c, text in zip(table.columns, cell.labels, strict=True)},
            "hits": cell.count,
        }
        for cell in table.cells
    ]
    chart = _chart(alt, name, rows, [cell.labels[0] for cell in table.cells])
    ink, line = INK[theme], LINE[theme]
    text = {"labelColor": ink, "titleColor": ink}
    configured = chart.properties(
        title=TITLES[name], description=described(name, table), background=PAPER[theme], padding=12
    ).configure(
        axis={**text, "gridColor": line, "domainColor": line, "tickColor": line, "labelLimit": 260},
        legend=text, title={"color": ink}, view={"stroke": None}, font="system-ui, sans-serif",
    )  # fmt: skip
    return str(vl_convert.vegalite_to_svg(configured.to_json())).encode()


def _chart(alt: Any, name: str, rows: Sequence[dict[str, Any]], order: Sequence[str]) -> Any:  # noqa: ANN401  # Altair's charts have no common type that can be configured
    data = alt.Data(values=list(rows))
    hits = alt.Axis(title="Hits", format="~s", tickMinStep=1)
    match name:
        case "years":
            return (
                alt.Chart(data, width=WIDTH, height=HEIGHT)
                .mark_bar()
                .encode(
                    x=alt.X("year:O", title="Year", axis=alt.Axis(labelOverlap=True, labelAngle=0)),
                    y=alt.Y("sum(hits):Q", axis=hits),
                    color=alt.Color("source:N", title="Repository", scale=alt.Scale(range=OKABE_ITO)),
                )
            )
        case "methods":
            return (
                alt.Chart(data, width=WIDTH, height=HEIGHT)
                .mark_rect()
                .encode(
                    x=alt.X("organism:N", title="Organism", sort=None, axis=alt.Axis(labelAngle=-40)),
                    y=alt.Y("imaging_method:N", title="Imaging method", sort=None),
                    color=alt.Color("hits:Q", title="Hits", scale=alt.Scale(scheme="viridis", type="symlog")),
                )
            )
        case "sizes":
            labels = [_label("bytes", each) for each in order]
            return (
                alt.Chart(data, width=WIDTH, height=HEIGHT)
                .mark_bar(color=OKABE_ITO[0])
                .encode(
                    x=alt.X("bytes:N", title="Size", sort=labels, axis=alt.Axis(labelAngle=0)),
                    y=alt.Y("hits:Q", axis=hits),
                )
            )
        case _:
            column = "license" if name == "licenses" else "affiliation"
            return (
                alt.Chart(data, width=WIDTH, height=alt.Step(20))
                .mark_bar(color=OKABE_ITO[0])
                .encode(x=alt.X("hits:Q", axis=hits), y=alt.Y(f"{column}:N", title=NAMES[column], sort=None))
            )


def _label(column: str, text: str) -> str:
    return size(int(text)) if column == "bytes" else text
