"""What of a record decides the order of hits besides its words: the same for any engine."""

from __future__ import annotations

import re
import unicodedata

from index.record import Json

COMPLETE = "yes"
"""Token of an entry whose record tells what a reader needs to judge it."""
_TELLING = ("description", "creators", "license", "files")
_TOPICS = ("organisms", "imaging_methods", "keywords", "subjects")
_WORD = re.compile(r"[^\W_]+")


def titled(text: str) -> str:
    """Fold a title, so that one typed with other case, accents or punctuation is the same title.

    A word counts once: a query keeps no word twice.
    """
    plain = unicodedata.normalize("NFKD", text)
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(dict.fromkeys(_WORD.findall(letters.casefold())))


def is_complete(record: Json) -> bool:
    """Tell whether a record has a description, people, a license, files, and a topic in terms."""
    return all(record.get(name) for name in _TELLING) and any(record.get(name) for name in _TOPICS)
