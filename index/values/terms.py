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
from index.spelling import key
from index.values import Cleaned
from index.values.text import line
from index.vocab.tables import Table, fold

_NOTHING = {"", "none", "na", "n/a", "unknown", "not applicable", "other", "-"}


@dataclass(frozen=True)
class Vocabulary:
    """A table of terms with labels, synonyms and parents."""

    name: str
    prefix: str
    digits: int
    kind: str
    obsolete: dict[str, str] = field(default_factory=dict)

    @property
    def _table(self) -> Table:
        return vocab.table(self.name)

    @cached_property
    def _spelling(self) -> re.Pattern[str]:
        # The prefix may be missing ("9606") but must not be another's ("CLO_0003684").
        return re.compile(
            rf"(?:.*\b(?:{self.prefix}|taxonomy)[/_:])?0*([1-9]\d{{0,8}})/?",
            re.IGNORECASE | re.ASCII,
        )

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
        return self.current(f"{self.prefix}:{match[1].zfill(self.digits)}") if match else None

    def current(self, id_: str) -> str:
        """Answer the id that replaced an obsolete one, or the id itself."""
        return self._table.current(self.obsolete.get(id_, id_))

    def find(self, label: str) -> str | None:
        """Look a label or synonym up, regardless of case."""
        return self._table.named(fold(label))

    def meant(self, words: str) -> str | None:
        """Look up what words mean in a query: in any spelling, singular or plural; None when two terms are.

        Looser than `find`, by which records are read: "mice" and "light sheet microscopes".
        """
        return self.find(words) or self._table.keyed(key(words))

    def spoken(self, words: str) -> str | None:
        """Look words up that may stand in any text: None for names that a table keeps for filters."""
        return self._table.keyed(key(words))

    def label(self, id_: str | None) -> str | None:
        """Answer the vocabulary's own label of an id."""
        row = self._table.row(id_ or "")
        return row.label if row else None

    def synonyms(self, id_: str | None) -> list[str]:
        """Answer every name of an id: label, common name and synonyms."""
        row = self._table.row(id_ or "")
        return list(row.names) if row else []

    def parents(self, id_: str | None) -> list[str]:
        """Answer all known ids above an id, nearest first; in a loop of parents none is above itself."""
        return list(self._table.above(id_ or ""))


def _means(text: str, canonical: str) -> bool:
    """Tell whether a longer or abbreviated name means a term: "Mus musculus (mouse)", "A. hanedai"."""
    said, meant = re.findall(r"\w+", fold(text)), fold(canonical).split()
    abbreviated = (
        len(said) == len(meant) == 2 and said[1] == meant[1] and len(said[0]) == 1 and meant[0][0] == said[0]
    )
    return abbreviated or set(meant) <= set(said)
