"""Organisms, to NCBITaxon ids. Spellings of ids seen: "NCBITaxon_09606" (SSBD, with a zero too many),
"https://www.ncbi.nlm.nih.gov/datasets/taxonomy/10090" (SSBD), "9534" and "NCBITaxon_4896" (IDR).
"""  # noqa: D205

from __future__ import annotations

from index.values.terms import Vocabulary

ORGANISMS = Vocabulary(name="organisms", prefix="NCBITaxon", digits=0, kind="organism")

clean = ORGANISMS.clean
