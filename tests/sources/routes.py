"""The ways in which each source can be harvested; the contract holds for every one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from harvester.source import Scope


@dataclass(frozen=True)
class Route:
    """A source, a scope and its options."""

    source: str
    scope: Scope = "everything"
    options: dict[str, str] = field(default_factory=dict)
    whole: bool = True
    """Whether a complete harvest this way lists every document in scope."""

    def __str__(self) -> str:
        return "-".join([self.source, self.scope, *self.options.values()])


ROUTES = [
    Route("ssbd"),
    Route("figshare", "imaging", whole=False),  # a search finds what it finds
    Route("figshare", "everything"),
    Route("empiar"),
    Route("idr"),
    Route("idr", options={"light": "yes"}),
    Route("dryad"),
    Route("dryad", "imaging"),
    Route("dryad", options={"files": "yes"}),
    Route("zenodo", "everything"),  # the dump, then OAI-PMH
    Route("zenodo", "everything", {"route": "oai"}),
    Route("zenodo", "imaging", whole=False),
]
