"""RO-Crates are read as linked data: however a crate writes a thing, it is the same thing."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from harvester.errors import BadRecord
from harvester.protocols.rocrate import Crate

ROOT = "https://example.org/data/1/"
PERSON = {"@id": "#auth-001", "@type": "Person", "name": "Jane Doe"}


def crate(*entities: dict[str, Any], context: Any = None, **properties: Any) -> Crate:
    about = {"@id": "ro-crate-metadata.json", "conformsTo": {"@id": "https://w3id.org/ro/crate/1.2"}}
    return Crate(
        {
            "@context": context or "https://w3id.org/ro/crate/1.2/context",
            "@graph": [
                {**about, "about": {"@id": ROOT}},
                {"@id": ROOT, "@type": "Dataset", **properties},
                *entities,
            ],
        }
    )


@pytest.mark.parametrize(
    "written",
    [
        {"@id": "#auth-001"},
        [{"@id": "#auth-001"}],
        [None, {"@id": "#auth-001"}],
        {"@id": "#auth-001", "name": "Jane Doe"},
        {"@list": [{"@id": "#auth-001"}]},
        "Jane Doe",
    ],
)
def test_a_reference_a_list_and_a_mere_name_say_the_same(written: Any) -> None:
    authors = crate(PERSON, author=written).root().entities("author")
    assert [author.text("name") for author in authors] == ["Jane Doe"]


def test_values_keep_their_order() -> None:
    names = [f"Person {number}" for number in range(40)]
    people = [{"@id": f"#{number}", "@type": "Person", "name": name} for number, name in enumerate(names)]
    root = crate(*reversed(people), author=[{"@id": person["@id"]} for person in people]).root()
    assert [author.text("name") for author in root.entities("author")] == names


def test_a_short_address_is_the_whole_address() -> None:
    whole = "http://purl.obolibrary.org/obo/FBbi_00000246"
    context = ["https://w3id.org/ro/crate/1.2/context", {"obo": "http://purl.obolibrary.org/obo/"}]
    term = {"@id": whole, "@type": "DefinedTerm", "name": "fluorescence microscopy"}
    root = crate(term, context=context, measurementMethod={"@id": "obo:FBbi_00000246"}).root()
    (method,) = root.entities("measurementMethod")
    assert (method.iri, method.text("name")) == (whole, "fluorescence microscopy")


def test_a_thing_described_twice_is_one_thing_with_both_names() -> None:
    twice = [{"@id": "#m", "name": "two-photon excitation microscopy"}, {"@id": "#m", "name": "FRET"}]
    (method,) = crate(*twice, measurementMethod=[{"@id": "#m"}]).root().entities("measurementMethod")
    assert sorted(method.texts("name")) == ["FRET", "two-photon excitation microscopy"]


def test_only_the_crate_names_what_has_no_address() -> None:
    root = crate(PERSON, author=[{"@id": "#auth-001"}]).root()
    assert root.iri == ROOT
    assert [author.iri for author in root.entities("author")] == [None]


def test_an_address_with_a_space_is_read() -> None:
    (term,) = crate(about={"@id": "http://purl.obolibrary.org/obo/FBbi_ 1"}).root().entities("about")
    assert term.iri == "http://purl.obolibrary.org/obo/FBbi_%201"


def test_what_nobody_takes_is_told_by_type_without_its_value() -> None:
    read = crate({**PERSON, "email": "jane@example.invalid"}, name="Cells", author={"@id": "#auth-001"})
    assert [author.text("name") for author in read.root().entities("author")] == ["Jane Doe"]
    assert read.left() == {
        "Dataset": {"name": True},
        "Person": {"email": True},
        "untyped": {"conformsTo": True},
    }


def test_no_context_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    hostile = "https://example.invalid/context"
    within = {"@id": "#auth-001", "@context": hostile, "name": "Jane Doe"}
    context = [hostile, {"@import": hostile, "author": {"@id": "schema:author", "@context": hostile}}]
    root = crate(within, context=context, author={"@context": hostile, "@id": "#auth-001"}).root()
    assert [author.text("name") for author in root.entities("author")] == ["Jane Doe"]


def test_a_crates_own_context_cannot_turn_one_property_into_another() -> None:
    context = {"name": "https://example.org/evil", "@vocab": "https://example.org/"}
    assert crate(context=context, name="Cells").root().text("name") == "Cells"


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else "bottom"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"@graph": "nothing"},
        {"@graph": [{"@id": ROOT, "@reverse": "text"}]},
        {"@graph": [{"@id": ROOT, "about": deep(500)}]},
    ],
    ids=["empty", "no graph", "no JSON-LD", "too deep"],
)
def test_what_is_no_crate_is_refused_with_a_reason(document: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        Crate(document)


def test_a_crate_about_nothing_has_no_root() -> None:
    with pytest.raises(BadRecord, match="descriptor"):
        Crate({"@graph": [{"@id": ROOT, "@type": "Dataset", "name": "Cells"}]}).root()
