"""What is left out on purpose, and why."""

from __future__ import annotations

from harvester.fields import because

_TARGETS = (
    "Targets (genes, small molecules, geographic locations, or combination of factors (idr0019, 26, 34, 38)"
)

IGNORED = (
    because("OMERO's own affairs: who owns an object there, addresses derived from its id",
            "containers[].omero:details", "containers[].url:datasets", "containers[].url:project",
            "containers[].url:plates", "containers[].url:screen", "annotations[].id", "annotations[].ns",
            "annotations[].description", "annotations[].owner", "annotations[].permissions",
            "annotations[].class")
    | because("its parent's name and id are taken", "annotations[].link")
    | because("names and ids are taken from the containers", "sizes[].Study", "sizes[].Container",
              "sizes[].Internal ID", "sizes[].Introduced")
    | because("counts what a record has no field for", "sizes[].Sets", "sizes[].Wells",
              "sizes[].Experiments (wells for screens, imaging experiments for non-screens)",
              f"sizes[].{_TARGETS}", "sizes[].Acquisitions", "sizes[].Planes")
    | because("the size is taken in bytes", "sizes[].Size (TB)", "sizes[].avg. size (MB)")
    | because("a recipe that turns the path of one image on IDR's disks into an address",
              "downloads[].idrid", "downloads[].image_id", "downloads[].data_location",
              "downloads[].replace_this", "downloads[].with_this", "downloads[].client_path",
              "downloads[].external_info")
    | because("the accession is the study's own", "study_file.study.accession")
    | because("a count of what is listed", "study_file.study.experiments number",
              "study_file.study.screens number", "study_file.parts[].number")
    | because("the name of a vocabulary, with which the id begins", "study_file.study.type term source ref",
              "study_file.study.organism term source ref", "study_file.parts[].type term source ref",
              "study_file.parts[].technology type term source ref",
              "study_file.parts[].imaging method term source ref",
              "study_file.parts[].organism term source ref")
    | because("OMERO's containers have the name", "study_file.parts[].name")
    | because("a planned size; the table of studies has the true one", "study_file.parts[].size")
    | because("a remark on single images or result files", "study_file.parts[].comments",
              "study_file.parts[].example images", "study_file.parts[].assay file",
              "study_file.parts[].assay file format", "study_file.study.example images")
    | because("how the file itself changed", "study_file.study.version history")
    | because("words around the license, which is taken", "study_file.study.license comment")
    | because("IDR's own pairs win; used for what has none", "study_file.study.organism",
              "study_file.parts[].data publisher", "study_file.parts[].type")
    | because("used for a name that the vocabulary does not know",
              "study_file.study.organism term accession",
              "study_file.parts[].imaging method term accession")
    | because("e-mail addresses are not kept", "study_file.study.person email", "crate.Person.email")
    | because("protocols, libraries, phenotypes' columns and result tables: lab work step by step",
              "study_file.other")
    | because("what points from one entity of the crate to another, or describes the crate itself",
              "crate.CreativeWork", "crate.Dataset.conformsTo", "crate.Dataset.hasPart",
              "crate.Dataset.identifier", "crate.Dataset.publisher", "crate.Dataset.subjectOf",
              "crate.Organization")
    | because("of 74 crates' sizes 20 are off by more than twice", "crate.Dataset.size",
              "crate.QuantitativeValue")
    | because("names of terms and samples are taken; the rest points from one entity to another",
              "crate.BioSample", "crate.DefinedTerm")
    | because("a protocol step by step", "crate.LabProtocol")
    | because("given and family name are taken", "crate.Person.name")
    | because("the page's own context; its address gave the accession", "json_ld.@context",
              "json_ld.@type", "json_ld.url")
)  # fmt: skip
