"""Terms of a fixed vocabulary: a label as people write it, and an id when the label and the id agree.

Rule: the label is believed. In SSBD's crates 116 of 581 FBbi ids belong to another term than the name
beside them, in IDR's 12 of 134 (counted May 2026), so where both are known and disagree the id goes.
An id the table does not hold is newer than the table and is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from index import vocab
from index.record import Term
from index.values import Cleaned
from index.values.identifiers import fold_hyphens
from index.values.text import line

_NOTHING = {"", "none", "na", "n/a", "unknown", "not applicable", "other", "-"}


@dataclass(frozen=True)
class Vocabulary:
    """A table of terms with labels, synonyms and parents."""

    name: str
    prefix: str
    digits: int
    kind: str
    obsolete: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _table(self) -> dict[str, dict[str, str]]:
        return {row["id"]: row for row in vocab.rows(self.name)}

    @cached_property
    def _spelling(self) -> re.Pattern[str]:
        # The prefix may be missing ("9606") but must not be another's ("CLO_0003684").
        return re.compile(
            rf"(?:.*\b(?:{self.prefix}|taxonomy)[/_:])?0*([1-9]\d{{0,8}})/?",
            re.IGNORECASE | re.ASCII,
        )

    @cached_property
    def _by_label(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in self._table.values():
            names = [row["label"], row.get("common_name", ""), *row["synonyms"].split("|")]
            for name in filter(None, names):
                found.setdefault(fold(name), row["id"])
        return found

    def clean(self, label: object = None, id_: object = None) -> Cleaned[Term]:
        """Read a term from its label, its id in any spelling, or both."""
        text, _reason = line(label)
        text = None if text is None or text.lower() in _NOTHING else text
        given = self.compact(id_)
        if text is not None and self.compact(text) is not None and self.find(text) is None:
            text, given = None, given or self.compact(text)  # the label is an id (SSBD does so)
        if text is None:
            return (Term(label=self.label(given) or given, id=given) if given else None), None
        by_label = self.find(text)
        if given is None:
            return Term(label=text, id=by_label), None if by_label else f"{self.kind}: unknown term"
        canonical = self.label(given)
        agree = by_label == given if by_label else canonical is None or _means(text, canonical)
        if agree:
            return Term(label=text, id=given), None
        return Term(label=text, id=by_label), f"{self.kind}: id and label disagree"

    def compact(self, raw: object) -> str | None:
        """Turn any spelling of an id into PREFIX:digits; leading zeros are put right."""
        match = self._spelling.fullmatch(str(raw).strip()) if raw else None
        if match is None:
            return None
        id_ = f"{self.prefix}:{match[1].zfill(self.digits)}"
        return self.obsolete.get(id_, id_)

    def find(self, label: str) -> str | None:
        """Look a label or synonym up, regardless of case."""
        return self._by_label.get(fold(label))

    def label(self, id_: str | None) -> str | None:
        """Answer the vocabulary's own label of an id."""
        row = self._table.get(id_ or "")
        return row["label"] if row else None

    def synonyms(self, id_: str | None) -> list[str]:
        """Answer every name of an id: label, common name and synonyms."""
        row = self._table.get(id_ or "")
        if row is None:
            return []
        names = [row["label"], row.get("common_name", ""), *row["synonyms"].split("|")]
        return [name for name in names if name]

    def parents(self, id_: str | None) -> list[str]:
        """Answer the ids above an id, nearest first."""
        row = self._table.get(id_ or "")
        return [parent for parent in row["parents"].split("|") if parent] if row else []


def fold(label: str) -> str:
    """Fold a label for look-up: case, hyphens, dots and spaces do not matter."""
    return " ".join(fold_hyphens(label).casefold().replace("-", " ").replace(".", " ").split())


def _means(text: str, canonical: str) -> bool:
    """Tell whether a longer or abbreviated name means a term: "Mus musculus (mouse)", "A. hanedai"."""
    said, meant = re.findall(r"\w+", fold(text)), fold(canonical).split()
    abbreviated = (
        len(said) == len(meant) == 2 and said[1] == meant[1] and len(said[0]) == 1 and meant[0][0] == said[0]
    )
    return abbreviated or set(meant) <= set(said)
