"""Where alerts arrive: a webhook's receiver that checks what it gets, and a small mail server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from config.alerts import Mail, Webhook

KEY = "a key nobody may see"


@dataclass
class Hook:
    """A receiver: believes only what is signed, and answers as told."""

    url: str = ""
    status: int = 204
    delay: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body, stamp = await request.read(), request.headers["Headwater-Timestamp"]
        signed = hmac.new(KEY.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert request.headers["Headwater-Signature"] == f"v1={signed}"
        await asyncio.sleep(self.delay)
        self.deliveries.append(request.headers["Headwater-Delivery"])
        if self.status == 204:
            self.got.append(json.loads(body))
        return web.Response(status=self.status, headers={"Location": self.url} if self.status == 307 else {})

    def channel(self, **given: Any) -> Webhook:
        return Webhook(kind="webhook", url=self.url, secret=SecretStr(KEY), **given)

    @property
    def kinds(self) -> list[list[tuple[str, str]]]:
        return [[(event["source"], event["kind"]) for event in body["events"]] for body in self.got]


@asynccontextmanager
async def listening() -> AsyncIterator[Hook]:
    receiver, app = Hook(), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class PostOffice:
    """A mail server of few words (RFC 5321), with STARTTLS where it has a certificate."""

    certificate: ssl.SSLContext | None = None
    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    secure: bool = False

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            match line.split()[0].upper().decode():
                case "EHLO":
                    offers = [b"STARTTLS"] if self.certificate and not self.secure else [b"AUTH PLAIN"]
                    writer.write(
                        b"".join(b"250-%s\r\n" % line for line in [b"here", *offers]) + b"250 ok\r\n"
                    )
                case "STARTTLS" if self.certificate:
                    writer.write(b"220 go\r\n")
                    await writer.drain()
                    await writer.start_tls(self.certificate)
                    self.secure = True
                case "AUTH":
                    self.logins.append(b64decode(line.split()[2]))
                    writer.write(b"235 ok\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    self.letters.append(
                        message_from_bytes(text[:-5], _class=EmailMessage, policy=policy.default)
                    )
                    writer.write(b"250 taken\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                case _:
                    writer.write(b"250 ok\r\n")
        writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostOffice]:
        server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def channel(self, **given: Any) -> Mail:
        wanted = {"server": "localhost", "port": self.port, "sender": "node@example.org"}
        return Mail(kind="mail", **{**wanted, "to": ["a@example.org", "b@example.org"], **given})
