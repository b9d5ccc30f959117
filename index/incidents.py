"""What went wrong with a source, in plain words: harvests in a row that did not do what they should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from index.past import FAILED, HARVESTS

WORDS = {
    "partial": "broke off before the end of the list",
    "refused": "was refused by the repository",
    "changed": "got answers of another form than expected",
    "lost": "ended with its process",
}
"""What happened, by the state in which a harvest ended."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Harvests in a row that failed."""

    began: str
    ended: str | None
    """When the next one was complete; None while none was."""
    harvests: int
    state: str
    """Of the last of them."""
    error: str | None

    def in_words(self) -> str:
        """Say it in a sentence."""
        until = f"until {self.ended}" if self.ended else "and goes on"
        many = f"{self.harvests} harvests failed" if self.harvests > 1 else "one harvest failed"
        why = WORDS.get(self.state, self.state)
        last = "the last " if self.harvests > 1 else "it "
        return f"Since {self.began} {until}: {many}; {last}{why}" + (
            f" ({self.error})." if self.error else "."
        )


def incidents(runs: Sequence[Mapping[str, Any]]) -> list[Incident]:
    """Find what went wrong, the newest first.

    Args:
        runs: of one source, the newest first, as the store lists them; samples, readings of stored documents
            and harvests that somebody canceled tell nothing.
    """
    return list(_told(runs))[::-1]


def _told(runs: Sequence[Mapping[str, Any]]) -> Iterator[Incident]:
    failed: list[Mapping[str, Any]] = []
    for run in reversed(runs):
        if run["kind"] not in HARVESTS:
            continue
        if run["state"] in FAILED:
            failed.append(run)
        elif run["state"] == "complete" and failed:
            yield _of(failed, run["ended_at"])
            failed = []
    if failed:
        yield _of(failed, None)


def _of(failed: Sequence[Mapping[str, Any]], ended: str | None) -> Incident:
    last = failed[-1]
    return Incident(failed[0]["started_at"], ended, len(failed), last["state"], last["error"])
