"""figshare's search language, as far as its documentation describes it (docs/Search, 2016 to 2024).

AND, OR, NOT, parentheses, "phrases" and operators such as `:title:`; a space between words means OR; words
are compared by their stems. `:tag:` and `:extension:` want the whole value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from harvester.fields import Raw

Matches: TypeAlias = "Callable[[Text], bool]"

_TOKEN = re.compile(r'\(|\)|\b(?:AND|OR|NOT)\b|:[a-z_ ]+:|"[^"]*"|[^\s()"]+')
_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?<=\w{3})(?:ical|ies|ing|ic|es|s|y|e)$")


@dataclass(frozen=True, slots=True)
class Text:
    """What of an article can be searched for."""

    whole: dict[str, tuple[str, ...]]
    """Values by operator, lower case."""
    stems: dict[str, str]
    """Stems by operator, in their order, with a space before and after each; "" for everything."""

    @classmethod
    def of(cls, article: dict[str, Raw]) -> Text:
        names = [str(file["name"]).lower() for file in article.get("files") or []]
        whole = {
            "title": (str(article.get("title") or "").lower(),),
            "description": (str(article.get("description") or "").lower(),),
            "tag": tuple(str(tag).lower() for tag in article.get("tags") or []),
            "category": tuple(str(each["title"]).lower() for each in article.get("categories") or []),
            "author": tuple(str(each["full_name"]).lower() for each in article.get("authors") or []),
            "orcid": tuple(str(each.get("orcid_id")) for each in article.get("authors") or []),
            "doi": (str(article.get("doi") or "").lower(),),
            "item_type": (str(article.get("defined_type_name") or "").lower(),),
            "extension": tuple(PurePosixPath(name).suffix.removeprefix(".") for name in names),
            "resource_doi": (str(article.get("resource_doi") or "").lower(),),
        }
        stems = {name: _stems(" . ".join(values)) for name, values in whole.items()}
        return cls(whole, stems | {"": " . ".join(stems.values()), "search_term": " . ".join(stems.values())})


def parse(words: str | None) -> Matches:
    """Read a search; nothing to search for matches everything."""
    tokens = _TOKEN.findall(words or "")
    return _Parser(tokens).whole() if tokens else lambda _text: True


class _Parser:
    """Precedence as in most search languages: NOT before AND before OR."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.place = tokens, 0

    def whole(self) -> Matches:
        found = [self.all_of()]
        while self.place < len(self.tokens) and self.tokens[self.place] != ")":
            if self.tokens[self.place] == "OR":
                self.place += 1
            found.append(self.all_of())
        return lambda text: any(matches(text) for matches in found)

    def all_of(self) -> Matches:
        found = [self.one()]
        while self.place < len(self.tokens) and self.tokens[self.place] in {"AND", "NOT"}:
            self.place += self.tokens[self.place] == "AND"
            found.append(self.one())
        return lambda text: all(matches(text) for matches in found)

    def one(self) -> Matches:
        token = self.take()
        if token == "NOT":  # noqa: S105  # a word of the search language
            matches = self.one()
            return lambda text: not matches(text)
        if token == "(":  # noqa: S105
            matches = self.whole()
            self.take()
            return matches
        operator = re.fullmatch(r":([a-z_ ]+):", token)
        if operator is None:
            return _term("", token)
        return _term(operator[1].replace(" ", "_"), self.value())

    def value(self) -> str:
        """Take all words up to the next operator."""
        said = []
        while self.place < len(self.tokens) and not re.fullmatch(
            r"[()]|AND|OR|NOT|:[a-z_ ]+:", self.tokens[self.place]
        ):
            said.append(self.take())
        return " ".join(said)

    def take(self) -> str:
        token = self.tokens[self.place] if self.place < len(self.tokens) else ""
        self.place += 1
        return token


def _term(operator: str, said: str) -> Matches:
    low = said.lower()
    if operator in {"tag", "extension", "doi", "resource_doi", "orcid", "item_type"}:
        exact = low.strip('"')
        return lambda text: exact in text.whole.get(operator, ())
    if low.startswith('"'):
        phrase = _stems(low)
        return lambda text: phrase in text.stems.get(operator, "")
    stems = [_stems(word) for word in _WORD.findall(low)]
    return lambda text: any(stem in text.stems.get(operator, "") for stem in stems)


def _stems(said: str) -> str:
    return f" {' '.join(_ENDING.sub('', word) for word in _WORD.findall(said.lower()))} "
