"""/metrics for Prometheus: what is held, how harvests ended, how far the index is, how searches go.

What the store knows is read from it when somebody asks, as gauges; only what happens in this process - the
searches - is counted here and begins at zero with it.
"""

from __future__ import annotations

import asyncio
import platform
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.node import Node
from api.upkeep import alerts, appointments
from config import VERSION
from index.figures import OUTCOMES, Figures, SourceFigures, figures

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

CACHED_FOR = 1.0
"""Seconds for which figures of the store are taken as read, whoever asks how often."""

STATES = ("running", "complete", "partial", "refused", "changed", "canceled", "lost")
"""How a run may stand: one of them is 1."""

SEARCHES = {"/": "page", "/api/v1/search": "api"}
"""Routes that search."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one serving node."""

    def __init__(self, node: Node) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Held(node))
        ProcessCollector(registry=self.registry)
        self.searches = Counter(
            "headwater_searches",
            "Searches answered, by their status",
            ["by", "status"],
            registry=self.registry,
        )
        self.refused = Counter(
            "headwater_searches_refused", "Searches refused since too many waited", ["by"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "headwater_search_seconds", "Seconds from a search's arrival to its answer", ["by"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "headwater_searches_in_flight", "Searches being answered", ["by"], registry=self.registry
        )
        for by in SEARCHES.values():  # series that are there from the start can be added up and compared
            self.refused.labels(by)
            self.seconds.labels(by)
            self.in_flight.labels(by)


METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)


async def metrics(request: web.Request) -> web.Response:
    """Answer the metrics, in the text format or, where it is asked for, OpenMetrics."""
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    # Not in the threads that search: a node is watched most when they are all at work.
    body = await asyncio.to_thread(encode, request.app[METRICS].registry)
    return web.Response(body=body, headers={"Content-Type": kind})


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time searches."""
    resource = request.match_info.route.resource
    by = SEARCHES.get(resource.canonical) if resource is not None else None
    if by is None:
        return await handler(request)
    found, began = request.app[METRICS], time.perf_counter()
    status = 499  # who asked is gone: the handler was canceled
    with found.in_flight.labels(by).track_inprogress():
        try:
            answer = await handler(request)
            status = answer.status
        finally:
            found.searches.labels(by, str(status)).inc()
            found.seconds.labels(by).observe(time.perf_counter() - began)
            if status == 503:
                found.refused.labels(by).inc()
    return answer


class _Held(Collector):
    """What the store and the engine tell."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._lock = threading.Lock()
        self._read: tuple[float, list[Metric]] = (-CACHED_FOR, [])

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: a store need not be read to be registered."""
        return iter(())

    def collect(self) -> list[Metric]:
        with self._lock:
            read_at, found = self._read
            if time.monotonic() - read_at >= CACHED_FOR:
                found = list(self._gather())
                self._read = time.monotonic(), found
            return found

    def _gather(self) -> Iterator[Metric]:
        held = figures(self.node.store)
        indexed = self.node.engine.revision()
        yield InfoMetricFamily(
            "headwater_build", "The program", {"version": VERSION, "python": platform.python_version()}
        )
        yield GaugeMetricFamily("headwater_store_revision", "The store's revision", held.revision)
        yield GaugeMetricFamily(
            "headwater_index_lag_revisions", "Revisions the index is behind the store",
            max(0, held.revision - indexed),
        )  # fmt: skip
        yield from _of_sources(held)
        yield from appointments(self.node.store)
        yield from alerts(self.node.store)


def _of_sources(held: Figures) -> Iterator[Metric]:
    origin = InfoMetricFamily("headwater_source", "Where a source's records come from", labels=["source"])
    for name, source in held.sources.items():
        origin.add_metric([name], {"origin": source.origin})
    yield origin
    for title, what, state in (
        ("records", "Current records", "current"),
        ("withdrawn", "Records the upstream withdrew", "withdrawn"),
        ("quarantined", "Documents that could not be read", "quarantined"),
    ):
        values = {name: source.records.get(state, 0) for name, source in held.sources.items()}
        yield _gauge(f"headwater_{title}", what, values)
    fresh = {name: _seconds_since(s.fresh_at) for name, s in held.sources.items() if s.fresh_at}
    yield _gauge("headwater_fresh_seconds", "Seconds since the source was as the upstream is", fresh)
    yield from _of_runs({name: source for name, source in held.sources.items() if source.run})


def _of_runs(sources: Mapping[str, SourceFigures]) -> Iterator[Metric]:
    runs: dict[str, Mapping[str, Any]] = {name: s.run for name, s in sources.items() if s.run is not None}
    state = GaugeMetricFamily(
        "headwater_last_run_state", "1 for how the last run of a source stands", labels=["source", "state"]
    )
    outcome = GaugeMetricFamily(
        "headwater_last_run_documents", "What became of documents in the last run of a source",
        labels=["source", "outcome"],
    )  # fmt: skip
    for name, run in runs.items():
        for one in STATES:
            state.add_metric([name, one], float(run["state"] == one))
        for column in OUTCOMES:
            outcome.add_metric([name, column], run[column])
    yield state
    yield outcome
    for title, what, column in (
        ("requests", "Requests of the last run", "requests"),
        ("bytes", "Bytes received in the last run", "bytes"),
        ("retries", "Requests of the last run that were tried again", "retries"),
        ("unchanged_answers", "Answers of the last run that said 304, not modified", "unchanged_answers"),
        ("waited_seconds", "Seconds the last run waited out of politeness", "waited"),
    ):
        yield _gauge(f"headwater_last_run_{title}", what, {name: run[column] for name, run in runs.items()})
    started = {name: datetime.fromisoformat(run["started_at"]).timestamp() for name, run in runs.items()}
    yield _gauge("headwater_last_run_started_seconds", "When the last run began, Unix time", started)


def _gauge(name: str, what: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=["source"])
    for source, value in values.items():
        family.add_metric([source], value)
    return family


def _seconds_since(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
