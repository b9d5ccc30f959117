"""A subscriber: a receiver on loopback that believes only what is signed, and answers as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "a key nobody else has"


@dataclass
class Subscriber:
    """Takes messages; what came is kept by delivery, as an honest receiver would."""

    url: str = ""
    agrees: bool = True
    status: int = 200
    before_answering: Callable[[dict[str, Any]], None] = lambda _message: None
    got: list[dict[str, Any]] = field(default_factory=list)
    """Every message that was taken, those that came twice too."""

    async def take(self, request: web.Request) -> web.Response:
        body, stamp = await request.read(), request.headers["Headwater-Timestamp"]
        signed = hmac.new(KEY.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert request.headers["Headwater-Signature"] == f"v1={signed}"
        message = json.loads(body)
        assert message["id"] == request.headers["Headwater-Delivery"]
        self.before_answering(message)
        if self.status == 200:
            self.got.append(message)
        if message["type"] == "confirm" and self.agrees and self.status == 200:
            return web.json_response({"challenge": message["challenge"]})
        return web.Response(status=self.status, headers={"Location": self.url})

    @property
    def matches(self) -> list[dict[str, Any]]:
        return [message for message in self.got if message["type"] == "matches"]

    @property
    def told(self) -> list[tuple[str, int]]:
        """The records told of, each delivery counted once."""
        once = {message["id"]: message for message in self.matches}
        return [(one["id"], one["revision"]) for message in once.values() for one in message["records"]]

    async def until(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110  # what is waited for may be many things
                await asyncio.sleep(0.02)


@asynccontextmanager
async def subscriber(path: str = "/hook") -> AsyncIterator[Subscriber]:
    receiver, app = Subscriber(), web.Application()
    app.router.add_post(path, receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
