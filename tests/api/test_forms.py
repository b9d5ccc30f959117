"""Every form is read back by somebody else's reader, whatever stands in the records."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bibtexparser
import jsonschema
import pyarrow.parquet as pq
import pytest
import rispy
from bibtexparser.bparser import BibTexParser
from datacite import schema45
from hypothesis import given
from hypothesis import strategies as st

from api.formats import bibtex, flat
from api.formats.flat import BETWEEN, COLUMNS
from api.formats.forms import FORMS, writer
from index.prepared import prepare
from index.query import BadQuery
from index.record import Contributor, Creator, Dates, License, Publication, Record, Related
from index.walk import Row
from tests.api.serving import BARE, FULL, GONE

ROOT = Path(__file__).parents[2]
HOSTILE = Record(
    id="demo:a_b{c",
    source="demo",
    kind="Poem",  # no kind of DataCite's
    title='100% of {unbalanced & "quoted" \\ $x_1$ ~ #1^2',
    description="=cmd|' /C calc'!A0\nTY  - BOOK\r\nER  - ",
    creators=(
        Creator(name="The Doe and Roe Consortium"),
        Creator(name="O'Neil, Zoë", given="Zoë", family="O'Neil"),
        Creator(name="Smith and Sons, Ltd", family="Smith and Sons", given="Ltd"),
        Creator(name="-1+1"),
    ),
    contributors=(Contributor(name="Helper, H.", role="Chef"),),
    dates=Dates(published="2021"),
    license=License(name="our own terms"),
    keywords=("a, b", "@SUM(A1)", "=1", "=1"),
    related=(
        Related(relation="IsDerivedFrom", id="EMD-1", scheme="emdb"),
        Related(relation="IsPartOf", id="10.1/x", scheme="doi"),
        Related(relation="LooksLike", id="10.1/y", scheme="doi"),
    ),
    publications=(Publication(pmid="7"), Publication(title="no id")),
)
RECORDS = (FULL, BARE, HOSTILE, GONE)

CSL_TYPES = {"dataset", "software", "article", "article-journal", "graphic", "motion_picture"}
CSL_TEXTS = (
    "id", "title", "publisher", "version", "language", "DOI", "URL", "abstract", "keyword", "license",
    "source",
)  # fmt: skip
CSL_NAME = {
    "oneOf": [
        {"required": ["family"], "additionalProperties": False, "properties": {"family": {}, "given": {}}},
        {"required": ["literal"], "additionalProperties": False, "properties": {"literal": {}}},
    ]
}
CSL = {
    "type": "array",
    "items": {
        "required": ["id", "type"],
        "additionalProperties": False,
        "properties": {
            **{name: {"type": "string", "minLength": 1} for name in CSL_TEXTS},
            "type": {"enum": sorted(CSL_TYPES)},
            "author": {"type": "array", "items": CSL_NAME},
            "issued": {
                "additionalProperties": False,
                "properties": {
                    "date-parts": {
                        "maxItems": 2,
                        "items": {"minItems": 1, "maxItems": 3, "items": {"type": "integer"}},
                    }
                },
            },
        },
    },
}  # fmt: skip
"""What CSL-JSON 1.0.2 allows, of the variables that we use."""


def row(record: Record, revision: int = 7) -> Row:
    return Row(record.id, revision, "live", prepare(record).body)


def body(form: str, *records: Record, resumed: bool = False) -> bytes:
    made = writer(FORMS[form], "https://search.example.org", {"x": "y"}, resumed=resumed)
    return made.open() + made.write([row(record) for record in records]) + made.close()


def lines(form: str, *records: Record) -> list[Any]:
    return [json.loads(line) for line in body(form, *records).splitlines()]


def test_ndjson_is_the_stored_record_with_origin_and_revision() -> None:
    for record, line in zip(RECORDS, lines("ndjson", *RECORDS), strict=True):
        assert (line.pop("origin"), line.pop("revision")) == ("live", 7)
        assert Record.model_validate(line) == record


def test_csv_is_read_back_with_guards_in_front_of_formulas() -> None:
    text = body("csv", *RECORDS).decode()
    assert text.count("\r\n") >= len(RECORDS) + 1
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [each["id"] for each in found] == [record.id for record in RECORDS]
    assert tuple(found[0]) == tuple(column.name for column in COLUMNS)
    hostile = found[2]
    assert hostile["description"] == "'" + (HOSTILE.description or "")
    assert hostile["keywords"] == BETWEEN.join(("a, b", "@SUM(A1)", "=1"))
    assert found[0]["license_open"] == "true"
    assert found[0]["bytes"] == "5000000"
    assert found[3]["withdrawn"] == "retracted"


@given(st.text(max_size=20))
def test_no_cell_of_csv_begins_like_a_formula(title: str) -> None:
    made = flat.write([{"id": "demo:1", "source": "demo", "title": title}]).decode()
    (cells,) = csv.reader(io.StringIO(made, newline=""), strict=True)
    assert not cells[3].startswith(flat.FORMULA)
    assert cells[3].removeprefix("'") == title.removeprefix("'")


def test_parquet_has_types_and_real_lists(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(body("parquet", *RECORDS))
    table = pq.read_table(file)
    assert table.column_names == [column.name for column in COLUMNS]
    found = table.to_pylist()
    assert [each["id"] for each in found] == [record.id for record in RECORDS]
    assert found[0]["bytes"] == 5_000_000
    assert found[0]["license_open"] is True
    assert found[0]["creators"] == ["Doe, Jane"]
    assert found[2]["description"] == HOSTILE.description  # no spreadsheet, so no guard
    assert json.loads(pq.read_metadata(file).metadata[b"headwater"]) == {"x": "y"}


def test_parquet_is_written_in_groups_that_leave_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("api.formats.parquet.GROUP", 2)
    made = writer(FORMS["parquet"], "", {})
    parts = [made.open(), *(made.write([row(record)]) for record in RECORDS), made.close()]
    assert [bool(part) for part in parts] == [True, False, True, False, True, True]
    (tmp_path / "x.parquet").write_bytes(b"".join(parts))
    assert pq.read_metadata(tmp_path / "x.parquet").num_row_groups == 2


def entries(text: str) -> list[dict[str, str]]:
    parser = BibTexParser(ignore_nonstandard_types=False, interpolate_strings=False)
    found: list[dict[str, str]] = bibtexparser.loads(text, parser=parser).entries
    return found


def test_bibtex_is_read_back_whatever_braces_there_are() -> None:
    found = entries(body("bibtex", *RECORDS).decode())
    assert [each["ENTRYTYPE"] for each in found] == ["dataset"] * 4
    assert [each["ID"] for each in found] == [bibtex.key(record.id) for record in RECORDS]
    assert found[0]["author"] == "Doe, Jane"
    assert found[0]["date"] == "2021-02"
    assert found[0]["doi"] == "10.1234/one"
    hostile = found[2]
    assert hostile["author"] == (
        "{The Doe and Roe Consortium} and O'Neil, Zoë and {Smith and Sons}, Ltd and {-1+1}"
    )
    assert r"100\% of \textbraceleft{}unbalanced \& " in hostile["title"]
    assert r"\textbackslash{} \$x\_1\$ \textasciitilde{} \#1\textasciicircum{}2" in hostile["title"]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1), max_size=3)
)
def test_no_text_breaks_the_bibtex_of_its_neighbors(texts: list[str]) -> None:
    records = [
        {"id": f"demo:{n}", "source": "demo", "title": text, "description": text}
        for n, text in enumerate(texts)
    ]
    made = b"\n".join(map(bibtex.write, records)).decode()
    assert [each["ID"] for each in entries(made)] == [record["id"] for record in records]
    assert made.count("{") == made.count("}")


@given(st.sets(st.text("ab_:.{}é%-", min_size=1, max_size=4), min_size=2))
def test_different_ids_have_different_keys(ids: set[str]) -> None:
    keys = {bibtex.key(id_) for id_ in ids}
    assert len(keys) == len(ids)
    assert not any(character in key for key in keys for character in " ,{}%#\"'\\~=")


def test_ris_is_read_back_and_no_value_begins_a_tag() -> None:
    found = rispy.loads(body("ris", *RECORDS).decode())
    assert [each["type_of_reference"] for each in found] == ["DATA"] * 4
    assert [each["id"] for each in found] == [record.id for record in RECORDS]
    assert found[0]["authors"] == ["Doe, Jane"]
    assert found[0]["date"] == "2021/02//"
    assert found[0]["doi"] == "10.1234/one"
    assert found[2]["abstract"] == "=cmd|' /C calc'!A0 TY - BOOK ER -"


def test_csl_json_keeps_to_what_csl_allows() -> None:
    found = json.loads(body("csl-json", *RECORDS))
    jsonschema.Draft202012Validator(CSL).validate(found)
    assert found[0]["type"] == "dataset"
    assert found[0]["issued"] == {"date-parts": [[2021, 2]]}
    assert found[2]["author"][0] == {"literal": "The Doe and Roe Consortium"}
    assert json.loads(body("csl-json")) == []


def test_datacite_keeps_to_the_published_schema() -> None:
    found = lines("datacite", *RECORDS)
    for record, line in zip(RECORDS, found, strict=True):
        if not record.dates.published:
            assert "publicationYear" not in line  # nobody stated it; DataCite requires it
            line["publicationYear"] = "2026"
        schema45.validator.validate(line)
    assert found[0]["creators"][0]["nameIdentifiers"][0]["nameIdentifierScheme"] == "ORCID"
    assert found[1]["creators"] == [{"name": ":unkn"}]
    assert found[2]["types"]["resourceTypeGeneral"] == "Other"
    assert [each["relatedIdentifier"] for each in found[2]["relatedIdentifiers"]] == ["10.1/x", "7"]
    assert found[2]["contributors"][0]["contributorType"] == "Other"


def test_jsonld_is_a_node_of_schema_org_a_line() -> None:
    found = lines("jsonld", *RECORDS)
    assert all(line["@context"] == "https://schema.org/" for line in found)
    assert found[0]["@id"] == "https://doi.org/10.1234/one"
    assert found[1]["@id"] == "https://search.example.org/records/demo:bare"


@pytest.mark.parametrize("form", [form.name for form in FORMS.values() if form.resumable])
def test_a_beginning_and_what_follows_are_the_whole(form: str) -> None:
    whole = body(form, *RECORDS)
    for cut in range(1, len(RECORDS) + 1):
        made = writer(FORMS[form], "https://search.example.org", {})
        begun = made.open() + made.write([row(record) for record in RECORDS[:cut]])
        assert begun + body(form, *RECORDS[cut:], resumed=True) == whole


def test_without_pyarrow_parquet_is_refused_with_what_to_install() -> None:
    program = (
        "import sys\n"
        "import importlib.util as util\n"
        "real = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'pyarrow' else real(name, *more)\n"
        "from api.formats import forms\n"
        "try:\n    forms.form('parquet')\n"
        "except forms.BadQuery as error:\n    print(error, 'pyarrow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "headwater[parquet]" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_parquet_cannot_be_resumed_and_says_so() -> None:
    with pytest.raises(BadQuery, match="start again"):
        writer(FORMS["parquet"], "", {}, resumed=True)


def test_every_column_and_form_is_documented() -> None:
    page = (ROOT / "docs/export.md").read_text("utf-8")
    for column in COLUMNS:
        assert f"| `{column.name}` | {column.kind} | {column.means} |" in page
    for form in FORMS.values():
        assert f"| `{form.name}` |" in page
