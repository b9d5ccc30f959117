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
    Route("empiar"),
]
