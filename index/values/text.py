"""Text for people: from HTML, without eating what only looks like a tag, and without e-mail addresses.

`clean` is for plain text and changes clean text no more. `from_html` is a conversion, done once per
value: it removes tags and decodes entities one time, so "&amp;lt;" becomes "&lt;" and stays.
"""

from __future__ import annotations

import html
import re
import unicodedata

from index.values import Cleaned

_BLOCK = (
    "p div br li ul ol dl dt dd tr td th table thead tbody tfoot caption blockquote pre hr section"
    " article header footer main nav aside figure figcaption address h1 h2 h3 h4 h5 h6"
)
_INLINE = (
    "a abbr acronym b bdo big center cite code col colgroup del dfn em font i img ins kbd label mark"
    " math q s samp small span strike strong sub sup svg tt u var wbr o:p"
)
_ATTRIBUTES = r"""(?:\s+[a-zA-Z_:][-\w:.]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))*"""
_HIDDEN = re.compile(
    rf"<(script|style){_ATTRIBUTES}\s*>.*?</\1\s*>|<!--.*?-->|<!\[CDATA\[|\]\]>",
    re.IGNORECASE | re.DOTALL,
)


def _tag(names: str) -> re.Pattern[str]:
    # Attributes must have values: in "a<b and c>d" a lax pattern sees a bold tag with two attributes.
    return re.compile(rf"</?(?:{'|'.join(names.split())}){_ATTRIBUTES}\s*/?>", re.IGNORECASE)


_BLOCK_TAG, _INLINE_TAG = _tag(_BLOCK), _tag(_INLINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")  # a single plain space needs no change
_LINES = re.compile(r" ?\n[ \n]*")
_EMAIL = re.compile(
    r"(?:mailto:)?[\w.+%-]{1,64}(?:@|\s?\[at\]\s?|\s\(at\)\s)(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}\b"
)
EMAIL_REMOVED = "(e-mail address removed)"
REMOVED = "text: e-mail address removed"


def clean(raw: object) -> Cleaned[str]:
    """Tidy plain text: NFC, no control characters, single spaces, paragraphs kept as line breaks."""
    if not isinstance(raw, str):
        return None, None if raw is None else "text: not text"
    if raw.isprintable():  # nearly every name, title and keyword: the only space in it is the plain one
        whole = raw if raw.isascii() else unicodedata.normalize("NFC", raw)
        tidy = (_SPACES.sub(" ", whole) if "  " in whole else whole).strip()
    else:
        tidy = _tidy(raw)
    if "@" in tidy or "at]" in tidy or "at)" in tidy:
        without = _EMAIL.sub(EMAIL_REMOVED, tidy)
        if without != tidy:
            return (None if without == EMAIL_REMOVED else without), REMOVED
    return tidy or None, None


def _tidy(raw: str) -> str:
    ascii_ = raw.isascii()
    if ascii_ and "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    if raw.replace("\n", "").isprintable():  # nearly every description: its lines hold plain spaces only
        whole = raw if ascii_ else unicodedata.normalize("NFC", raw)
        return "\n".join(filter(None, (" ".join(each.split()) for each in whole.split("\n"))))
    raw = _CONTROL.sub("", raw)
    raw = raw if ascii_ else unicodedata.normalize("NFC", raw)
    return _LINES.sub("\n", _SPACES.sub(" ", raw)).strip()


def line(raw: object) -> Cleaned[str]:
    """Tidy text that must stand in one line, such as a title or a keyword."""
    value, reason = clean(raw)
    return (value.replace("\n", " ") if value else None), reason


def from_html(raw: object) -> Cleaned[str]:
    """Turn HTML into plain text: known tags go, entities are decoded once, anything else stays."""
    if not isinstance(raw, str):
        return clean(raw)
    if "<" in raw:
        raw = _HIDDEN.sub(" ", raw)
        raw = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", raw))
    return clean(html.unescape(raw) if "&" in raw else raw)


def line_from_html(raw: object) -> Cleaned[str]:
    """Turn an HTML title into one line of plain text."""
    value, reason = from_html(raw)
    return (value.replace("\n", " ") if value else None), reason
