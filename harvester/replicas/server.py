"""The part all replicas share: starting on loopback, faults, rate limits and the control door.

The control door, `/_replica`, is for tests and rehearsals; no upstream has it:
    GET  /_replica                     what it holds, how often it was asked, which faults wait
    POST /_replica/faults              [{"kind": "503", "at": 2, "times": 1, "path": "search"}]
    POST /_replica/withdraw/{id}       take a document back
    POST /_replica/change/{id}         {"title": "..."} change a document now
    POST /_replica/reset               forget faults and counts
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

from aiohttp import web

from harvester.replicas import counters
from harvester.replicas.holdings import Holding, Holdings, Listed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Fault:
    """Something that goes wrong, on the nth request (counted from 1) and so many times from there."""

    kind: str
    at: int = 1
    times: int = 1
    path: str = ""
    """Only requests whose path holds this text are counted and struck."""
    met: int = 0


@dataclass(slots=True)
class Limit:
    """An upstream's rate limit, enforced: so many requests in a window of so many seconds."""

    requests: int
    seconds: int
    headers: Callable[[int, int, float], dict[str, str]]
    """From limit, remaining and the window's end to the headers the upstream sends."""
    body: str
    started: float = 0.0
    used: int = 0

    def take(self) -> tuple[bool, dict[str, str]]:
        clock = time.time()
        if clock - self.started >= self.seconds:
            self.started, self.used = clock, 0
        self.used += 1
        left = max(0, self.requests - self.used)
        return self.used <= self.requests, self.headers(self.requests, left, self.started + self.seconds)


class Spoken(Protocol):
    """What a replica module offers."""

    NAME: str

    def routes(self, replica: Replica) -> list[web.RouteDef]:
        """Answer the upstream's paths."""
        ...

    def changed(self, holding: Holding, title: str, at: datetime) -> Holding:
        """Answer the document with another title and a newer stamp."""
        ...

    def studies(self, holdings: Holdings) -> int:
        """Count the records a complete harvest must give."""
        ...


@dataclass(slots=True)
class Replica:
    """A running replica: what it holds, what goes wrong, how often it was asked."""

    protocol: Spoken
    holdings: Holdings
    limit: Limit | None = None
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    base: str = ""
    memory: dict[str, Any] = field(default_factory=dict)
    """Room for the protocol: open resumption tokens, rendered documents."""
    _runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> Replica:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(middlewares=[self._door], client_max_size=1 << 20)
        counting = counters.routes(lambda: self.protocol.studies(self.holdings))
        app.router.add_routes([*self._control(), *self.protocol.routes(self), *counting])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Replica:
        return await self.start()

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    def listed(self) -> Listed:
        """Answer holdings that can be changed.

        Raises:
            TypeError: they are generated.
        """
        if not isinstance(self.holdings, Listed):
            message = "generated holdings cannot be changed"
            raise TypeError(message)
        return self.holdings

    def struck(self, path: str, kinds: tuple[str, ...] | None = None) -> Fault | None:
        """Count a request against the waiting faults; answer the one that strikes."""
        for fault in self.faults:
            if fault.path not in path or (kinds is not None) != (fault.kind in PROTOCOL_FAULTS):
                continue
            if kinds is not None and fault.kind not in kinds:
                continue
            fault.met += 1
            if fault.at <= fault.met < fault.at + fault.times:
                return fault
        return None

    @property
    def _door(self) -> Any:  # noqa: ANN401  # aiohttp's middleware type is private
        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_replica"):
                return await handler(request)
            self.asked.append(f"{request.method} {request.path_qs}")
            headers: dict[str, str] = {}
            if self.limit is not None:
                allowed, headers = self.limit.take()
                if not allowed:
                    return web.Response(status=429, text=self.limit.body, headers=headers)
            fault = self.struck(request.path_qs)
            if fault is not None and (answer := FAULTS[fault.kind](request)) is not None:
                return await answer
            response = await handler(request)
            if fault is not None and isinstance(response, web.Response):
                return await _damaged(fault.kind, request, response)
            response.headers.update(headers)
            return response

        return door

    def _control(self) -> list[web.RouteDef]:
        async def state(_request: web.Request) -> web.Response:
            return web.json_response(
                {
                    "name": self.protocol.NAME,
                    "holds": len(self.holdings),
                    "asked": len(self.asked),
                    "faults": [asdict(fault) for fault in self.faults],
                }
            )

        async def faults(request: web.Request) -> web.Response:
            self.faults.extend(Fault(**entry) for entry in await request.json())
            return web.json_response(len(self.faults))

        async def withdraw(request: web.Request) -> web.Response:
            self.listed().withdraw(request.match_info["id"])
            return web.json_response(True)

        async def change(request: web.Request) -> web.Response:
            held = self.listed().get(request.match_info["id"])
            if held is None:
                return web.json_response({"error": "no such document"}, status=404)
            title = str((await request.json())["title"])
            self.change(held.id, title)
            return web.json_response(True)

        async def reset(_request: web.Request) -> web.Response:
            self.faults.clear()
            self.asked.clear()
            return web.json_response(True)

        return [
            web.get("/_replica", state),
            web.post("/_replica/faults", faults),
            web.post("/_replica/withdraw/{id:.+}", withdraw),
            web.post("/_replica/change/{id:.+}", change),
            web.post("/_replica/reset", reset),
        ]

    def change(self, id_: str, title: str, at: datetime | None = None) -> None:
        """Change a document's title, now."""
        held = self.listed().held[id_]
        self.listed().put(self.protocol.changed(held, title, at or datetime.now(UTC)))
        self.memory.clear()


PROTOCOL_FAULTS = {"repeat-token", "expire-token", "lose-answer"}
"""Faults that only the replica's own protocol can act out."""


async def _answer(status: int, text: str = "", **headers: str) -> web.Response:
    kind = headers.pop("content_type", "text/plain")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, text=text, content_type=kind, headers=named)


_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"

FAULTS: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse] | None]] = {
    "503": lambda _: _answer(503, "busy"),
    "503-date": lambda _: _answer(
        503,
        "busy",
        Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True),
    ),
    "429": lambda _: _answer(429, "slow down"),
    "429-after": lambda _: _answer(429, "slow down", Retry_After="1"),
    "429-long": lambda _: _answer(429, "slow down", Retry_After="86400"),
    "403": lambda _: _answer(403, "User-Agent blocked"),
    "404": lambda _: _answer(404, '{"message": "not found"}', content_type="application/json"),
    "410": lambda _: _answer(410, '{"status": 410, "message": "Gone"}', content_type="application/json"),
    "422": lambda _: _answer(422, '{"message": "bad argument"}', content_type="application/json"),
    "html": lambda _: _answer(200, _PAGE, content_type="text/html"),
    "empty-202": lambda _: _answer(202),
    "waf-202": lambda _: _answer(202, x_amzn_waf_action="challenge"),
    "cut": lambda _: None,
    "broken": lambda _: None,
    "slow": lambda _: None,
    "stall": lambda _: None,
}


WAITS = {"slow": 1.5, "stall": 120.0}
"""Seconds before the answer; nobody waits for a stalled one."""


async def _damaged(kind: str, request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send a good answer badly: half of it, or with the connection cut in the middle."""
    body = response.body if isinstance(response.body, bytes) else b""
    if kind in WAITS:
        await asyncio.sleep(WAITS[kind])
        return response
    if kind == "broken":
        return web.Response(
            status=response.status,
            body=body[: len(body) * 6 // 10],
            content_type=response.content_type,
        )
    stream = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return stream


def json_answer(body: bytes, *, status: int = 200, **headers: str) -> web.Response:
    """Answer JSON that is already bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=body, content_type="application/json", headers=named)
