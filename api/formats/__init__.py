"""Ways to write a record down. A writer is a page of plain assignments: all the work was done on the way in.

A writer takes a record and the node's address and returns a value; it asks nobody anything.
"""

from __future__ import annotations

DOI_URL = "https://doi.org/"
ORCID_URL = "https://orcid.org/"
ROR_URL = "https://ror.org/"
SPDX_URL = "https://spdx.org/licenses/"
TERM_URL = "http://purl.obolibrary.org/obo/"


def term_url(id_: str) -> str:
    """Turn a compact id such as NCBITaxon:10090 into its address at the OBO Foundry."""
    return TERM_URL + id_.replace(":", "_")
