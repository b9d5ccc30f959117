"""What is left out on purpose, and why."""

from __future__ import annotations

_TARGETS = (
    "Targets (genes, small molecules, geographic locations, or combination of factors (idr0019, 26, 34, 38)"
)

IGNORED = frozenset(
    {
        # OMERO's own affairs: who owns an object there, addresses derived from its id
        "containers[].omero:details",
        "containers[].url:datasets",
        "containers[].url:project",
        "containers[].url:plates",
        "containers[].url:screen",
        "annotations[].id",
        "annotations[].ns",
        "annotations[].description",
        "annotations[].owner",
        "annotations[].permissions",
        "annotations[].link",  # its parent's name and id are taken
        "annotations[].class",
        # names and ids are taken from the containers; the rest counts what a record has no field for
        "sizes[].Study",
        "sizes[].Container",
        "sizes[].Internal ID",
        "sizes[].Introduced",
        "sizes[].Sets",
        "sizes[].Wells",
        "sizes[].Experiments (wells for screens, imaging experiments for non-screens)",
        f"sizes[].{_TARGETS}",
        "sizes[].Acquisitions",
        "sizes[].Planes",
        "sizes[].Size (TB)",
        "sizes[].avg. size (MB)",
        # recipes that turn the path of one image on IDR's disks into an address
        "downloads[].idrid",
        "downloads[].image_id",
        "downloads[].data_location",
        "downloads[].replace_this",
        "downloads[].with_this",
        "downloads[].client_path",
        "downloads[].external_info",
        # names of vocabularies, which the ids begin with, and counts of what is listed
        "study_file.study.accession",
        "study_file.study.experiments number",
        "study_file.study.screens number",
        "study_file.study.type term source ref",
        "study_file.study.organism term source ref",
        "study_file.parts[].number",
        "study_file.parts[].name",
        "study_file.parts[].size",  # planned sizes; the table of studies has the true ones
        "study_file.parts[].type term source ref",
        "study_file.parts[].technology type term source ref",
        "study_file.parts[].imaging method term source ref",
        "study_file.parts[].organism term source ref",
        # remarks on single images and result files, and on how the file itself changed
        "study_file.parts[].comments",
        "study_file.parts[].example images",
        "study_file.parts[].assay file",
        "study_file.parts[].assay file format",
        "study_file.study.example images",
        "study_file.study.version history",
        "study_file.study.license comment",
        "study_file.study.person email",
        # of crates: what points from one entity to another, protocols step by step, sizes that are wrong
        "crate.CreativeWork",
        "crate.Dataset.conformsTo",
        "crate.Dataset.hasPart",
        "crate.Dataset.identifier",
        "crate.Dataset.publisher",
        "crate.Dataset.size",
        "crate.Dataset.subjectOf",
        "crate.BioSample",
        "crate.DefinedTerm",
        "crate.LabProtocol",
        "crate.Organization",
        "crate.Person.email",
        "crate.Person.name",
        "crate.QuantitativeValue",
        # the page's own context; its address gave the accession
        "json_ld.@context",
        "json_ld.@type",
        "json_ld.url",
    }
)
