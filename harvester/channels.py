"""Sending a message over a channel: a signed webhook, a mail, or a program.

A webhook is a POST of the message as JSON, signed as `config/signing.py` says. Any status from 200 to 299
takes it; redirects are not followed: a signed message goes where it is meant to.

The addresses are the operator's own, so `harvester/http.py`, which guards us from what upstreams say, has no
part in it. No error text here holds an address with its path, a password or a key.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from config.alerts import Command, Mail, Webhook
from config.signing import signed

OUR_SECRETS = "HEADWATER_ALERTS__"
"""Names of variables that a program we start does not get to see begin so."""


class NotSent(Exception):  # the name says what is wrong
    """A channel did not take a message; the text says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a source."""

    source: str
    kind: str
    """failed, failing (still), recovered, stale, fresh, changed, harvested or canceled."""
    text: str
    at: str
    runs: int = 0
    """How many runs it sums up."""
    run: int | None = None
    """The last of them."""
    state: str | None = None
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told at one time."""

    id: str
    channel: str
    node: str
    at: datetime
    events: Sequence[Event]

    @property
    def subject(self) -> str:
        """Say the most important in a line."""
        named = list(dict.fromkeys(f"{event.source} {event.kind}" for event in self.events))
        rest = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return f"Headwater: {', '.join(named[:3])}{rest}"

    @property
    def text(self) -> str:
        """Say it to people, a line an event."""
        lines = [f"{event.source} {event.text}" for event in self.events]
        return "\n".join([*lines, "", f"{self.node}, {self.at:%Y-%m-%d %H:%M:%S} UTC"])

    def json(self) -> bytes:
        """Say it to programs."""
        return orjson.dumps(
            {
                "id": self.id,
                "channel": self.channel,
                "node": self.node,
                "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
                "subject": self.subject,
                "text": self.text,
                "events": [asdict(event) for event in self.events],
            }
        )


async def send(channel: Webhook | Mail | Command, message: Message) -> None:
    """Send a message, within the channel's time.

    Raises:
        NotSent: it was not taken.
    """
    try:
        async with asyncio.timeout(channel.timeout_seconds):
            match channel:
                case Webhook():
                    await _post(channel, message)
                case Mail():
                    await asyncio.to_thread(_mail, channel, message)
                case Command():
                    await _start(channel, message)
    except TimeoutError as error:
        raise NotSent(f"no answer within {channel.timeout_seconds:g} s") from error
    except OSError as error:  # the file of a secret, the program, the connection
        raise NotSent(f"{type(error).__name__}: {error.strerror or 'no reason given'}") from error


def ready(channel: Webhook | Mail | Command) -> None:
    """See that a channel has what it needs here, before something happens that it should tell.

    Raises:
        NotSent: a secret cannot be read, or there is no such program.
    """
    try:
        match channel:
            case Webhook():
                channel.key()
            case Mail() if channel.user is not None:
                channel.word()
            case Command() if shutil.which(channel.argv[0]) is None:
                raise NotSent(f"there is no program {channel.argv[0]}")
            case _:
                pass
    except OSError as error:
        raise NotSent(f"its secret cannot be read ({error.strerror})") from error


async def _post(channel: Webhook, message: Message) -> None:
    body = message.json()
    headers = signed(channel.key(), message.id, message.at, body)
    host = urlsplit(channel.url).hostname
    try:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(URL(channel.url), data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except aiohttp.ClientError as error:
        raise NotSent(f"{host} was not reached ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise NotSent(f"{host} answered with status {status}")


def _mail(channel: Mail, message: Message) -> None:
    """Send a mail; in a thread, which ends by its own time-outs when nobody waits any more."""
    context, seconds = ssl.create_default_context(), channel.timeout_seconds
    try:
        with (
            smtplib.SMTP_SSL(channel.server, channel.port, timeout=seconds, context=context)
            if channel.security == "tls"
            else smtplib.SMTP(channel.server, channel.port, timeout=seconds)
        ) as server:
            if channel.security == "starttls":
                server.starttls(context=context)
            if channel.user is not None:
                server.login(channel.user, channel.word())
            server.send_message(_letter(channel, message))
    except smtplib.SMTPException as error:  # what a server says may repeat what it was told
        code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise NotSent(f"{channel.server} did not take the mail ({type(error).__name__}{code})") from error


def _letter(channel: Mail, message: Message) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = " ".join(message.subject.split())
    letter["From"], letter["To"] = channel.sender, ", ".join(channel.to)
    letter["Date"] = format_datetime(message.at)
    letter["Message-ID"] = f"<{message.id}@{channel.sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note shall answer
    letter.set_content(message.text)
    return letter


async def _start(channel: Command, message: Message) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OUR_SECRETS)}
    process = await asyncio.create_subprocess_exec(
        *channel.argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for us; and what it starts ends with it
    )
    try:
        await process.communicate(message.json())
    finally:
        if process.returncode is None:  # it took too long, or we are stopped
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise NotSent(f"{channel.argv[0]} ended with status {process.returncode}")
