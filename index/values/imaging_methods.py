"""Imaging methods, to FBbi ids (Biological Imaging Methods Ontology, kept by foundingGIDE since 2026)."""

from __future__ import annotations

from index import vocab
from index.values.terms import Vocabulary

IMAGING_METHODS = Vocabulary(
    name="imaging_methods",
    prefix="FBbi",
    digits=8,
    kind="imaging method",
    obsolete={row["id"]: row["replaced_by"] for row in vocab.rows("imaging_methods_obsolete")},
)

clean = IMAGING_METHODS.clean
