"""A light load generator: clients on loopback, each with one connection, each asking again at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.questions import Question
from benchmarks.report import percentiles

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What a load showed: the time of each request, in the order of the questions, and of all together."""

    seconds: list[float]
    whole: float

    @property
    def qps(self) -> float:
        return len(self.seconds) / self.whole

    def shown(self) -> dict[str, float]:
        return {**percentiles(self.seconds), "qps": round(self.qps, 1)}


def over_http(base: str, paths: Sequence[str], clients: int) -> Load:
    """Ask a server, from a process of our own so that its work does not stand in the way of measuring."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as beside:
        return beside.submit(_ask_all, base, list(paths), clients).result()


def in_process(
    ask: Callable[[Question], object], questions: Sequence[Question], clients: int, limit: float
) -> Load:
    """Ask a library from threads, for so many seconds at most."""
    seconds: list[float] = []
    waiting = iter(questions)
    began = time.perf_counter()

    def work(_: int) -> None:
        for question in waiting:  # next() of a list's iterator is atomic
            start = time.perf_counter()
            ask(question)
            seconds.append(time.perf_counter() - start)
            if time.perf_counter() - began > limit:
                return

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    return Load(seconds, time.perf_counter() - began)


def _ask_all(base: str, paths: Sequence[str], clients: int) -> Load:
    return asyncio.run(_together(base, paths, clients))


async def _together(base: str, paths: Sequence[str], clients: int) -> Load:
    where = urlsplit(base)
    seconds = [0.0] * len(paths)
    waiting = iter(enumerate(paths))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_client(where.hostname or "", where.port or 80, waiting, seconds))
    return Load(seconds, time.perf_counter() - began)


async def _client(host: str, port: int, waiting: Iterator[tuple[int, str]], seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    for place, path in waiting:
        start = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        seconds[place] = time.perf_counter() - start
        if not head.startswith(b"HTTP/1.1 200"):
            message = f"{path} was answered {head[:60]!r} {body[:200]!r}"
            raise SystemExit(message)
    writer.close()
    await writer.wait_closed()
