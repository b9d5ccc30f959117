"""Whether an answer is one, and in the form that was asked for.

A 200 is believed only when the body has that form: an empty 202 (a firewall's challenge), an HTML page or
half a JSON text is an outage, never "no records". What a strict parser refuses because of single characters
is mended, so that one bad document does not cost the page it stands on.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from email.message import Message

import orjson
import structlog

from harvester import mend, unpack
from harvester.allowance import retry_after
from harvester.errors import BadRecord, Changed, Overtaxed, Refused
from harvester.protocols.xml import parse_xml
from harvester.source import Answer, Expect

log = structlog.get_logger()

LARGEST_UNPACKED = 1024 * 1024 * 1024
"""Bytes an archive may unpack to."""

_OVERTAXED = {500, 502, 504}
"""What gateways answer for a question that took too long."""


class TryAgain(Exception):  # it is no error yet
    """Ask again after `wait` seconds, or when it seems good."""

    def __init__(
        self, what: str, wait: float | None = None, *, overtaxed: bool = False, failed: bool = True
    ) -> None:
        """Say what happened.

        Args:
            what: in a few words.
            wait: seconds the upstream asks for.
            overtaxed: whether a smaller question may fare better.
            failed: whether this counts as a failure of the host; being told to slow down does not.
        """
        super().__init__(what)
        self.what, self.wait, self.overtaxed, self.failed = what, wait, overtaxed, failed


def raise_for_status(status: int, url: str, answer: Answer, accept: tuple[int, ...]) -> None:
    """Tell what a status that nobody accepts means."""
    if status in accept:
        return
    said = answer.body[:200].decode(errors="replace").replace("\n", " ")
    is_slow_down = status == 429 or (status == 403 and _allowance_is_spent(answer.headers))
    if is_slow_down or status >= 500:
        wait = retry_after(answer.headers)
        raise TryAgain(f"status {status}", wait, overtaxed=status in _OVERTAXED, failed=not is_slow_down)
    if status == 202 or (status == 204 and not answer.body):
        if any(name.lower().startswith("x-amzn-waf") for name in answer.headers):
            raise Refused("a firewall challenges us", url=url, hint="ask the upstream to let us in")
        raise TryAgain(f"empty answer with status {status}")
    if status == 413:
        raise Overtaxed(f"status 413: {said}", url=url)
    if status in {401, 403}:
        raise Refused(
            f"status {status}: {said}",
            url=url,
            hint="check the User-Agent and contact, or write to them",
        )
    raise Changed(f"status {status}: {said}", url=url)


def plain(answer: Answer, expect: Expect, most: int) -> Answer:
    """Take off what a body was packed in for the way, whether or not a header says so.

    Raises:
        TryAgain: it is cut or broken.
        Changed: it is a bomb, or packed in a way we did not offer.
    """
    encoding = {name.lower(): value for name, value in answer.headers.items()}.get("content-encoding", "")
    if expect == "gzip" and not _is_packed_twice(answer.body):
        return answer  # servers label an archive as an encoding of what is inside of it
    try:
        body = unpack.decoded(answer.body, encoding, most)
        if expect in {"json", "xml", "text"} and body.startswith(unpack.GZIP):
            body = unpack.gunzip(body, most)  # packed by one server, and once more by another in front of it
    except unpack.Bomb as error:
        raise Changed(f"the answer {error}", url=answer.url) from error
    except LookupError as error:
        raise Changed(f"the answer is packed as {error}, which we did not offer", url=answer.url) from error
    except (zlib.error, EOFError) as error:
        raise TryAgain("cut or broken gzip", overtaxed=True) from error
    return replace(answer, body=body)


def believed(answer: Answer, expect: Expect) -> Answer:
    """Check that the body has the form asked for; half an answer is asked for again."""
    start = answer.body[:300].lstrip().lower()
    if expect == "any":
        return answer
    if not start:
        raise TryAgain("empty answer")
    if start.startswith((b"<!doctype html", b"<html")):
        raise TryAgain("an HTML page where data was due")
    if expect == "xml":
        return _parsed_xml(answer, start)
    if expect == "gzip":
        return _whole_archive(answer)
    if expect == "text":  # tables and text files: neither empty nor an HTML page is all one can ask
        return answer
    return _parsed_json(answer)


def _parsed_json(answer: Answer) -> Answer:
    try:
        return replace(answer, parsed=orjson.loads(answer.body))
    except orjson.JSONDecodeError as error:
        mended = mend.json_text(answer.body, _charset(answer.headers))
        if mended is None:
            raise TryAgain("cut or broken JSON", overtaxed=True) from error
        log.warning("mended JSON", url=answer.url, was=str(error))
        return replace(answer, body=mended, parsed=orjson.loads(mended))


def _parsed_xml(answer: Answer, start: bytes) -> Answer:
    if not start.removeprefix(b"\xef\xbb\xbf").startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        if answer.status == 200:
            raise TryAgain("no XML where XML was due")
        return answer  # an error in another format; the caller accepted its status and judges it
    try:
        return replace(answer, parsed=parse_xml(answer.body))
    except BadRecord as error:
        mended = mend.xml_text(answer.body, _charset(answer.headers))
        try:
            if mended is None:
                raise error  # noqa: TRY201  # the one handled here, not the innermost
            found = replace(answer, body=mended, parsed=parse_xml(mended))
        except BadRecord as again:
            raise TryAgain(f"cut or {again.what}", overtaxed=True) from error
        log.warning("mended XML", url=answer.url, was=error.what)
        return found


def _charset(headers: Mapping[str, str]) -> str | None:
    message = Message()
    message["Content-Type"] = {name.lower(): said for name, said in headers.items()}.get("content-type", "")
    return message.get_content_charset()


def _whole_archive(answer: Answer) -> Answer:
    """Believe an archive that unpacks to its end, where gzip keeps a checksum."""
    if answer.status != 200:
        return answer
    try:
        for _ in unpack.inflated(answer.body, LARGEST_UNPACKED):
            pass
    except unpack.Bomb as error:
        raise Changed(f"the archive {error}", url=answer.url) from error
    except (zlib.error, EOFError) as error:
        raise TryAgain("cut or broken archive", overtaxed=True) from error
    return answer


def _is_packed_twice(body: bytes) -> bool:
    if not body.startswith(unpack.GZIP):
        return False
    try:
        inside = zlib.decompressobj(wbits=31).decompress(body, len(unpack.GZIP))
    except zlib.error:
        return False
    return inside == unpack.GZIP


def _allowance_is_spent(headers: Mapping[str, str]) -> bool:
    """Tell GitHub's 403 that passes within the hour from a refusal (docs.github.com, seen 2026)."""
    return any(name.lower() == "x-ratelimit-remaining" and value == "0" for name, value in headers.items())
