"""Answers that one bad document makes unreadable: control characters, lone surrogates, the wrong charset.

Only what a strict parser refused comes here, and what is mended must satisfy it. Nothing is guessed about
structure: an answer that was cut stays cut.
"""

from __future__ import annotations

import codecs
import json
import re

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAME_AS_WINDOWS = {"iso8859-1", "iso8859-15", "cp1252", "ascii"}
"""Charsets that servers name without looking; what is not UTF-8 is read as Windows-1252 anyway."""

_DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_ENCODING = re.compile(rb"\A\s*<\?xml\b[^>]*\bencoding\s*=\s*[\"']([\w.-]+)[\"']")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 knows no way to write (section 2.2)."""
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")


def json_text(body: bytes, charset: str | None) -> bytes | None:
    """Write JSON anew as the standard wants it; None when it is none.

    Control characters stay as escapes, halves of characters become "?", and NaN becomes null.
    """
    text = _text(body, charset)
    try:
        parsed = json.loads(text, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace")


def xml_text(body: bytes, charset: str | None) -> bytes | None:
    """Write XML anew in UTF-8 without characters that XML forbids; None when nothing was to be mended."""
    declared = _ENCODING.match(body)
    text = _text(body, charset or (declared[1].decode("ascii") if declared else None))
    text = _DECLARATION.sub("", text.lstrip(), count=1)
    clean = _REFERENCE.sub(_legal, _ILLEGAL.sub(" ", text)).encode()
    return None if clean == body else clean


def _legal(match: re.Match[str]) -> str:
    number = int(match[1], 16) if match[1] else int(match[2])
    return " " if number > 0x10FFFF or _ILLEGAL.match(chr(number)) else match[0]


def _text(body: bytes, charset: str | None) -> str:
    """Decode: UTF-8 where it is that, else what was declared, else UTF-8 with Windows-1252 in between.

    One record that an old system wrote in Windows-1252 must not spoil the names in all the others.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    for name in filter(None, ("utf-8", charset)):
        try:
            if codecs.lookup(name).name not in _SAME_AS_WINDOWS:
                return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", "headwater-windows")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("headwater-windows", _as_windows)
