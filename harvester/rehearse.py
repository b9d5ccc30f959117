"""Starting replicas: the table of them, and what each shall hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from aiohttp import web

from harvester import registry
from harvester.reading import documents_in
from harvester.replicas import dryad, empiar, figshare, idr, ssbd, zenodo
from harvester.replicas.holdings import Generated, Holding, Holdings, Listed
from harvester.replicas.server import Limit, Replica
from harvester.source import Document


class ReplicaModule(Protocol):
    """What a replica module offers; `harvester/replicas/empiar.py` is the example."""

    NAME: str

    def bundled(self) -> Listed:
        """Hold the bundled documents."""
        ...

    def found(self, documents: Iterator[Document]) -> Listed:
        """Hold documents found in a folder."""
        ...

    def generated(self, count: int, seed: int) -> Generated:
        """Make documents."""
        ...

    def as_documents(self, holdings: Listed) -> Iterator[bytes]:
        """Write the holdings as answers of the upstream, for reading without a server."""
        ...

    def studies(self, holdings: Holdings) -> int:
        """Count the records a complete harvest must give."""
        ...

    def limit(self) -> Limit | None:
        """Answer the upstream's rate limit, to be enforced on demand."""
        ...

    def changed(self, holding: Holding, title: str, at: datetime) -> Holding:
        """Answer the document with another title and a newer stamp."""
        ...

    def routes(self, replica: Replica) -> list[web.RouteDef]:
        """Answer the upstream's paths."""
        ...


REPLICAS: dict[str, ReplicaModule] = {
    module.NAME: module for module in (empiar, idr, figshare, dryad, ssbd, zenodo)
}


@dataclass(frozen=True, slots=True)
class Stock:
    """What replicas shall hold: bundled documents, those of a folder, or generated ones."""

    folder: Path | None = None
    generate: int | None = None
    seed: int = 1
    limits: bool = False

    def of(self, name: str) -> Holdings:
        module = REPLICAS[name]
        if self.folder is not None:
            return module.found(documents_in(registry.source(name), self.folder))
        if self.generate is not None:
            return module.generated(self.generate, self.seed)
        return module.bundled()


@asynccontextmanager
async def replicas(
    names: Sequence[str], stock: Stock | None = None, first_port: int = 0
) -> AsyncIterator[dict[str, Replica]]:
    """Run the replicas of some sources; they stop at the end of the block.

    Args:
        names: names of sources.
        stock: what they hold; bundled documents by default.
        first_port: the first takes this port, the next the following ones; 0 for free ports.
    """
    stock = stock or Stock()
    async with AsyncExitStack() as stack:
        running = {}
        for place, name in enumerate(names):
            module = REPLICAS[name]
            replica = Replica(module, stock.of(name), limit=module.limit() if stock.limits else None)
            await replica.start(first_port + place if first_port else 0)
            stack.push_async_callback(replica.stop)
            running[name] = replica
        yield running
