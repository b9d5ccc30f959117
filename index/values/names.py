"""Names of people and organizations, split only where the form makes the split certain.

Forms seen: "Doe, Jane" (DataCite, Zenodo), "Doe J" and "Bekker-Jensen S" (EMPIAR, IDR: family name, then
initials), "Jane Doe" (Figshare, SSBD), "Anthony W. Purcell (105036)" (Figshare's OAI-PMH, with a user id).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from index.values import Cleaned
from index.values.text import EMAIL_REMOVED, line

_USER_ID = re.compile(r"\s*\(\d{3,}\)$")
_FAMILY_INITIALS = re.compile(r"(?P<family>\S.*?)\s+(?P<given>[^\W\d_a-z](?:[^\W\d_a-z]|[.\- ]){0,4})")
_ORGANIZATION = re.compile(
    r"\b(universit|institut|cent(er|re)\b|laborator|consortium|foundation|department|project\b|group\b"
    r"|council|society|ministry|agency|hospital|museum|network|team\b|collaboration|inc\b|ltd\b|gmbh)",
    re.IGNORECASE,
)


class Name(NamedTuple):
    """A name, with its parts where they are certain."""

    name: str
    given: str | None = None
    family: str | None = None


def clean(raw: object, *, initials_last: bool = False) -> Cleaned[Name]:
    """Tidy a name.

    Args:
        raw: the name as the upstream writes it.
        initials_last: the upstream writes "Family IN" without a comma.
    """
    text, reason = line(raw)
    if text is None:
        return None, reason
    if text[-1] == ")":
        text = _USER_ID.sub("", text)
    text = text.replace(EMAIL_REMOVED, "").strip(" ,;<>")
    if not (text[:1].isalnum() or any(character.isalnum() for character in text)):
        return None, "name: no letters"
    if is_organization(text):
        return Name(text), reason
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma and family and given and "," not in given:
        return Name(f"{family}, {given}", given, family), reason
    if initials_last and (match := _FAMILY_INITIALS.fullmatch(text)):
        return Name(text, match["given"].strip(), match["family"]), reason
    return Name(text), reason


def is_organization(text: str) -> bool:
    """Tell whether a name is surely that of an organization."""
    return _ORGANIZATION.search(text) is not None


def split_list(raw: object) -> list[str]:
    """Split "Doil C, Mailand N, Bekker-Jensen S." into names; IDR writes authors so."""
    text, _reason = line(raw)
    parts = (part.strip(" .;") for part in re.split(r"[,;]| and ", text)) if text else ()
    return [part for part in parts if part]
