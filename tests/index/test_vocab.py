"""Loading vocabularies: every form ontologies are published in, and what becomes of the index."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from index import vocab
from index.engines.tantivy import EngineBusy, TantivyEngine
from index.record import Record, Term
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS
from index.vocab import build
from index.vocab.published import Unreadable, read
from tests.index.filling import fill

OBO = """format-version: 1.2
ontology: fbbi

[Term]
id: FBbi:00000246
name: fluorescence microscopy

[Term]
id: FBbi:00999001
name: gliding microscopy
synonym: "glide imaging" EXACT []
synonym: "GM" EXACT []
synonym: "gliding kymography" NARROW []
synonym: "everything that moves" BROAD []
is_a: FBbi:00000246 ! fluorescence microscopy

[Term]
id: FBbi:00999002
name: sliding microscopy
is_obsolete: true
replaced_by: FBbi:00999001

[Term]
id: FBbi:00999003
name: forgotten microscopy
is_obsolete: true
"""

RDF_XML = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [<!ENTITY obo "http://purl.obolibrary.org/obo/">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:obo="http://purl.obolibrary.org/obo/"
  xmlns:oboInOwl="http://www.geneontology.org/formats/oboInOwl#">
 <owl:Class rdf:about="&obo;FBbi_00999001">
  <rdfs:label>gliding microscopy</rdfs:label>
  <oboInOwl:hasExactSynonym>glide imaging</oboInOwl:hasExactSynonym>
  <oboInOwl:hasExactSynonym>GM</oboInOwl:hasExactSynonym>
  <oboInOwl:hasNarrowSynonym>gliding kymography</oboInOwl:hasNarrowSynonym>
  <oboInOwl:hasBroadSynonym>everything that moves</oboInOwl:hasBroadSynonym>
  <rdfs:subClassOf rdf:resource="&obo;FBbi_00000246"/>
  <rdfs:subClassOf><owl:Restriction><owl:someValuesFrom>
   <owl:Class rdf:about="&obo;FBbi_00000222"/></owl:someValuesFrom></owl:Restriction></rdfs:subClassOf>
 </owl:Class>
 <owl:Class rdf:about="&obo;FBbi_00999002">
  <rdfs:label>sliding microscopy</rdfs:label>
  <owl:deprecated>true</owl:deprecated>
  <obo:IAO_0100001 rdf:resource="&obo;FBbi_00999001"/>
 </owl:Class>
 <owl:Class rdf:about="&obo;FBbi_00999003">
  <rdfs:label>forgotten microscopy</rdfs:label><owl:deprecated>true</owl:deprecated>
 </owl:Class>
</rdf:RDF>
"""

_O, _S = "<http://purl.obolibrary.org/obo/", "<http://www.geneontology.org/formats/oboInOwl#"
FUNCTIONAL = f"""Prefix(owl:=<http://www.w3.org/2002/07/owl#>)
Ontology(<http://purl.obolibrary.org/obo/fbbi.owl>
Declaration(Class({_O}FBbi_00999001>))
AnnotationAssertion(rdfs:label {_O}FBbi_00999001> "gliding microscopy"@en)
AnnotationAssertion({_S}hasExactSynonym> {_O}FBbi_00999001> "glide imaging")
AnnotationAssertion({_S}hasExactSynonym> {_O}FBbi_00999001> "GM")
AnnotationAssertion({_S}hasNarrowSynonym> {_O}FBbi_00999001> "gliding kymography")
AnnotationAssertion({_S}hasBroadSynonym> {_O}FBbi_00999001> "everything that moves")
SubClassOf({_O}FBbi_00999001> {_O}FBbi_00000246>)
SubClassOf({_O}FBbi_00999001> ObjectSomeValuesFrom({_O}FBbi_1> {_O}FBbi_2>))
AnnotationAssertion(rdfs:label {_O}FBbi_00999002> "sliding microscopy")
AnnotationAssertion(owl:deprecated {_O}FBbi_00999002> "true"^^xsd:boolean)
AnnotationAssertion({_O}IAO_0100001> {_O}FBbi_00999002> {_O}FBbi_00999001>)
AnnotationAssertion(rdfs:label {_O}FBbi_00999003> "forgotten microscopy")
AnnotationAssertion(owl:deprecated {_O}FBbi_00999003> "true"^^xsd:boolean)
)
"""

_OIO = "http://www.geneontology.org/formats/oboInOwl#"
EDAM = (
    f"Class ID\tPreferred Label\tObsolete\tParents\t{_OIO}hasExactSynonym\t{_OIO}hasNarrowSynonym\n"
    "http://edamontology.org/topic_1\tGliding microscopy\tFALSE\t\tGlidoscopy\tWide Gliding System (WGS9)\n"
    "http://edamontology.org/topic_2\tSomething else\tFALSE\t\tconfocal|multiphoton\t\n"
    "http://edamontology.org/topic_3\tConfocal microscopy\tFALSE\t\tSTED\tnever lent\n"
)

DUMP = {
    "nodes.dmp": "1|1|no rank|\n33208|1|kingdom|\n99999901|33208|genus|\n99999902|99999901|species|\n",
    "names.dmp": "1|root||scientific name|\n33208|Metazoa||scientific name|\n"
    "99999901|Model||scientific name|\n99999901|modelfly||genbank common name|\n"
    "99999902|Model organismus||scientific name|\n99999902|Model organismus Ours, 1900||authority|\n",
    "merged.dmp": "99999903|99999902|\n",
}


def dmp(text: str) -> bytes:
    return text.replace("|\n", "\t|\n").replace("|", "\t|\t").replace("\t\t|\t\n", "\t|\n").encode()


@pytest.fixture(autouse=True)
def bundled_again() -> Iterator[None]:
    yield
    vocab.use(None)


def load(folder: Path, *files: Path) -> list[build.Loaded]:
    made = build.update(folder, files)
    vocab.use(folder)
    return made


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "text"),
    [("f.obo", OBO), ("f.owl", RDF_XML), ("f.ofn", FUNCTIONAL)],
    ids=["obo", "xml", "functional"],
)
def test_every_form_of_an_ontology_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    load(tmp_path / "vocab", written(tmp_path, name, text))
    assert IMAGING_METHODS.label("FBbi:00999001") == "gliding microscopy"
    assert IMAGING_METHODS.parents("FBbi:00999001")[0] == "FBbi:00000246"
    assert "FBbi:00000345" in IMAGING_METHODS.parents("FBbi:00999001")  # by the bundled table
    assert IMAGING_METHODS.find("Glide-imaging") == "FBbi:00999001"
    assert IMAGING_METHODS.find("everything that moves") is None  # broader than the term
    assert IMAGING_METHODS.compact("FBbi_00999002") == "FBbi:00999001"  # obsolete, replaced
    assert IMAGING_METHODS.find("forgotten microscopy") is None
    assert IMAGING_METHODS.find("SPIM") == "FBbi:00000369"  # the bundled names stay
    assert (IMAGING_METHODS.find("GM"), IMAGING_METHODS.spoken("GM")) == ("FBbi:00999001", None)
    assert IMAGING_METHODS.find("gliding kymography") == "FBbi:00999001"
    assert IMAGING_METHODS.spoken("gliding kymography") is None  # narrower: does not stand for all of it


def test_edam_lends_names_to_what_it_names_and_to_nothing_else(tmp_path: Path) -> None:
    obo, edam = written(tmp_path, "f.obo", OBO), written(tmp_path, "edam.tsv", EDAM)
    (made,) = load(tmp_path / "vocab", obo, edam)
    assert made.files == ("f.obo", "edam.tsv")
    assert IMAGING_METHODS.find("glidoscopy") == "FBbi:00999001"
    assert IMAGING_METHODS.find("Wide Gliding System") == IMAGING_METHODS.find("WGS9") == "FBbi:00999001"
    assert IMAGING_METHODS.find("something else") is None  # two terms bear its names
    assert IMAGING_METHODS.find("never lent") is None  # says that confocal is STED


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_ncbis_dump_is_read_with_its_merged_ids(tmp_path: Path, form: str) -> None:
    source = tmp_path / ("dump" if form == "folder" else "taxdump.tar.gz")
    if form == "folder":
        source.mkdir()
        for name, text in DUMP.items():
            (source / name).write_bytes(dmp(text))
    else:
        with tarfile.open(source, "w:gz") as archive:
            for name, text in DUMP.items():
                member = tarfile.TarInfo(name)
                member.size = len(dmp(text))
                archive.addfile(member, io.BytesIO(dmp(text)))
    load(tmp_path / "vocab", source)
    assert ORGANISMS.parents("NCBITaxon:99999902") == [
        "NCBITaxon:99999901",
        "NCBITaxon:33208",
        "NCBITaxon:2759",
    ]
    assert ORGANISMS.compact("99999903") == "NCBITaxon:99999902"
    assert ORGANISMS.find("Model organismus Ours, 1900") is None
    assert (ORGANISMS.find("model"), ORGANISMS.spoken("model")) == ("NCBITaxon:99999901", None)
    assert ORGANISMS.spoken("modelfly") == "NCBITaxon:99999901"
    assert ORGANISMS.find("mouse") == "NCBITaxon:10090"


def test_a_packed_table_of_names_is_read(tmp_path: Path) -> None:
    file = tmp_path / "names.tsv.gz"
    table = (
        "taxid\trank\tscientific_name\tcommon_name\tsynonyms\tfamily\tgenus\n"
        "99999911\tgenus\tNovum\t\t\t\tNovum\n"
        "99999912\tspecies\tNovum novum\tnewling\tN. novum|N. vetus\t\tNovum\n"
    )
    file.write_bytes(gzip.compress(table.encode()))
    load(tmp_path / "vocab", file)
    assert ORGANISMS.find("N. vetus") == ORGANISMS.find("newling") == "NCBITaxon:99999912"
    assert ORGANISMS.parents("NCBITaxon:99999912") == ["NCBITaxon:99999911"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("subject_id\tpredicate_id\tobject_id\tmapping_justification\n", "names decide"),
        ("hello", "is no OBO"),
        ("", "is no OBO"),
        ("format-version: 1.2\n\n[Term]\nid: X:1\nname: x\n", "holds no term of"),
        ("format-version: 1.2\n\n[Term]\nname = broken\n", "cannot be read"),
        ('<?xml version="1.0"?><rdf:RDF>', "cannot be read"),
    ],
)
def test_what_is_no_ontology_of_ours_is_refused_and_the_table_stays(
    tmp_path: Path, text: str, says: str
) -> None:
    folder = tmp_path / "vocab"
    load(folder, written(tmp_path, "good.obo", OBO))
    with pytest.raises(Unreadable, match=says):
        build.update(folder, [written(tmp_path, "bad", text)])
    assert [file.name for file in folder.iterdir()] == ["imaging_methods.sqlite"]
    with pytest.raises(Unreadable, match="No such file"):
        list(read(tmp_path / "nowhere"))


def test_the_same_file_again_changes_nothing_and_another_does(tmp_path: Path) -> None:
    before = vocab.fingerprint()
    file = written(tmp_path, "f.obo", OBO)
    load(tmp_path / "vocab", file)
    loaded = vocab.fingerprint()
    load(tmp_path / "vocab", file)
    assert vocab.fingerprint() == loaded != before
    load(tmp_path / "vocab", written(tmp_path, "g.obo", OBO.replace("glide", "slide")))
    assert vocab.fingerprint() not in {loaded, before}
    assert build.reset(tmp_path / "vocab") == ["imaging_methods"]
    vocab.use(tmp_path / "vocab")
    assert vocab.fingerprint() == before


def test_a_changed_vocabulary_makes_the_index_again_by_itself(store: Store, tmp_path: Path) -> None:
    method = Term(label="gliding microscopy")  # unknown when the record was read
    fill(store, [Record(id="demo:1", source="demo", title="One", imaging_methods=(method,))])
    asked = Request(filters={"imaging_method": ["fluorescence microscopy"]})
    engine = TantivyEngine(tmp_path / "index", writing=True)
    sync(store, engine)
    assert Catalogue(store, engine).search(asked).total == 0
    load(tmp_path / "vocab", written(tmp_path, "f.obo", OBO))
    # The index is not taken from under who writes it.
    with pytest.raises(EngineBusy, match="restart it first"):
        TantivyEngine(tmp_path / "index")
    engine.close()
    again = TantivyEngine(tmp_path / "index", writing=True)
    assert again.revision() == 0
    sync(store, again)
    assert Catalogue(store, again).search(asked).total == 1
    again.close()


def test_the_command_loads_lists_and_goes_back(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["vocab", "update", *arguments, "--data", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "fbbi.obo" in run(str(written(tmp_path, "fbbi.obo", OBO)))
    assert "fbbi.obo" in run("--list")
    assert '"imaging_methods"' in run("--list", "--json")
    assert "bundled again: imaging_methods" in run("--reset")
    assert "fbbi.obo" not in run("--list")
    assert CliRunner().invoke(app, ["vocab", "update", "--data", str(tmp_path)]).exit_code != 0


def test_a_name_that_two_terms_bear_stands_for_neither(tmp_path: Path) -> None:
    terms = "".join(
        f'\n[Term]\nid: FBbi:0099901{number}\nname: {name} microscopy\nsynonym: "shared name" EXACT []\n'
        f'synonym: "{said}" EXACT []\n'
        for number, name, said in ((1, "hovering", "gliding microscopy"), (2, "soaring", "confocal"))
    )
    load(tmp_path / "vocab", written(tmp_path, "f.obo", OBO + terms))
    assert IMAGING_METHODS.find("shared name") is IMAGING_METHODS.spoken("shared name") is None
    assert IMAGING_METHODS.find("gliding microscopy") == "FBbi:00999001"  # whose label it is
    assert IMAGING_METHODS.find("confocal") == "FBbi:00000251"  # the bundled term's
