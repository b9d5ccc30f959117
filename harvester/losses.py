"""What becomes of each path of a source's documents: the tables kept in the project, and how they are made.

    python -m harvester.losses                       make the tables of all sources again
    python -m harvester.losses idr --also recorded/  of one, with further recorded documents

A table `fates.json` lies beside each source and is made by experiment (`harvester/experiment.py`) with the
documents its replica holds and the recorded pages of its tests; paths that only further documents have stand
apart in it. `docs/losses/NAME.md` shows the same to people.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import orjson

from harvester import experiment, registry
from harvester.errors import BadRecord
from harvester.fates import FILE, fates_of, mapped_of
from harvester.paths import Tally
from harvester.reading import attempt, documents_in
from harvester.rehearse import REPLICAS
from harvester.source import Document, Source
from index.losses import ALL, Fates, Paths

ROOT = Path(__file__).parents[1]
"""The checkout; the tables are made there and nowhere else."""


def known_documents(source: Source) -> list[Document]:
    """Gather the documents at hand in a checkout: those of the replica, and those in recorded pages."""
    replica = REPLICAS[source.card.name]
    bodies = list(replica.as_documents(replica.bundled()))
    pages = ROOT / "tests" / "sources" / source.card.name / "pages"
    bodies += [page.read_bytes() for page in sorted(pages.iterdir())]
    return [document for body in bodies for document in _documents(source, body)]


def count(source: Source, documents: Iterable[Document]) -> Paths:
    """Count the paths of the documents that can be read."""
    tally = Tally()
    for document in documents:
        if not isinstance(attempt(source, document), str):
            tally.add(source.told(document))
    return tally.paths()


def made(source: Source, also: Path | None = None) -> dict[str, dict[str, list[str]]]:
    """Find out what becomes of each path, by experiment."""
    here = experiment.fates(source, known_documents(source))
    further = experiment.fates(source, documents_in(source, also)) if also else {}
    return {"here": here, "elsewhere": {path: further[path] for path in sorted(further.keys() - here.keys())}}


def page(source: Source) -> str:
    """Write the table of a source for people."""
    fates, seen = fates_of(source), count(source, known_documents(source))
    lines = [
        f"# {source.card.title}: what becomes of its fields",
        "",
        "Made by `python -m harvester.losses`: every value of the documents at hand (of the replica and",
        "of the tests) was changed and read again; a field is mapped to whatever changed",
        "in the record. `headwater sources loss " + source.card.name + "` shows the same with the counts of",
        "what was harvested. A field without a count is in no document at hand but was met elsewhere.",
    ]
    for form in sorted({path.partition(":")[0] for path in fates.mapped}):
        count_ = seen[f"{form}:"].documents if f"{form}:" in seen else 0
        lines += [
            "",
            f"## {form}: {count_} documents",
            "",
            "| field | in | becomes |",
            "| --- | ---: | --- |",
        ]
        lines += _rows(fates, seen, form)
    return "\n".join(lines) + "\n"


def _rows(fates: Fates, seen: Paths, form: str) -> Iterator[str]:
    for path in sorted(path for path in fates.mapped if path.partition(":")[0] == form):
        fate = fates.of(path)
        into = ", ".join(f"`{name}`" for name in fate.fields if name != ALL)
        said = into or ("needed to read the document" if fate.fields else "")
        said = said or (f"left out: {fate.why}" if fate.why else "**unknown**")
        number = str(seen[path].documents) if path in seen else ""
        where = path.partition(":")[2].replace("|", "\\|")
        yield f"| `{where}` | {number} | {said} |"


def _documents(source: Source, body: bytes) -> Iterator[Document]:
    try:
        yield from source.documents(body)
    except (BadRecord, ValueError):
        return  # a page of an error, recorded as one


def main() -> None:
    """Make the tables again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", metavar="SOURCE")
    options.add_argument("--also", type=Path, help="folder with further recorded documents")
    asked = options.parse_args()
    for name in asked.names or [source.card.name for source in registry.SOURCES]:
        source = registry.source(name)
        file = Path(str(files(f"harvester.sources.{name}").joinpath(FILE)))
        body = orjson.dumps(made(source, asked.also), option=orjson.OPT_INDENT_2)
        file.write_bytes(body + b"\n")
        mapped_of.cache_clear()
        (ROOT / "docs" / "losses" / f"{name}.md").write_text(page(source), "utf-8")


if __name__ == "__main__":
    main()
