"""What an upstream tells about how often it may be asked: Retry-After and three generations of RateLimit.

Retry-After: 30 | Sun, 22 Nov 2026 10:00:30 GMT      RFC 9110
X-RateLimit-Limit, -Remaining, -Reset                  IETF drafts 0 to 6, seconds; Dryad's is an epoch
RateLimit: limit=100, remaining=50, reset=30         draft 7
RateLimit: "default";r=50;t=30                       drafts 8 and later; how many in all (q) is told in
RateLimit-Policy: "default";q=100;w=60
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

EPOCH = 10**9
"""A larger number of seconds is a date: thirty years from now, or 2001."""
LAST_SHARE = 10
"""The last tenth of an allowance is spread over the time that is left; before, the card's pace is kept."""
LAST_FEW = 3
"""... or the last three, where nobody says how many there are in all."""

_TOLD = ("limit", "remaining", "reset")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may still be asked, and for how many seconds that must do."""

    remaining: int
    seconds: float
    limit: int | None = None

    def pause(self) -> float:
        """Answer the seconds until the next request, so that what remains lasts; 0 while there is plenty."""
        if self.remaining > (LAST_FEW if self.limit is None else self.limit // LAST_SHARE):
            return 0.0
        return self.seconds / (self.remaining + 1) if self.remaining else self.seconds


def pause(headers: Mapping[str, str], now: float | None = None) -> float:
    """Answer how long the strictest of the allowances asks us to wait; seconds."""
    return max((each.pause() for each in allowances(headers, now)), default=0.0)


def is_spent(headers: Mapping[str, str]) -> bool:
    """Tell whether nothing is left of some allowance."""
    return any(not each.remaining for each in allowances(headers))


def allowances(headers: Mapping[str, str], now: float | None = None) -> Iterator[Allowance]:
    """Read all allowances an answer tells of."""
    now = time.time() if now is None else now
    low = {name.lower(): value.strip() for name, value in headers.items()}
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        limit, remaining, reset = (_number(low.get(f"{prefix}-{each}")) for each in _TOLD)
        yield from _allowance(limit, remaining, reset, now)
    said = low.get("ratelimit", "")
    if "remaining=" in said:  # draft 7, of which some write semicolons for commas
        found = {name: int(value) for name, value in re.findall(r"(\w+)\s*=\s*(\d{1,12})", said)}
        limit, remaining, reset = (found.get(each) for each in _TOLD)
        yield from _allowance(limit, remaining, reset, now)
        return
    quotas = {policy: given.get("q") for policy, given in _policies(low.get("ratelimit-policy", ""))}
    for policy, given in _policies(said):
        yield from _allowance(quotas.get(policy), given.get("r"), given.get("t"), now)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Read how long to wait: Retry-After in seconds or as a date, else what is left of a spent allowance.

    Dryad sends no Retry-After with its 429 but RateLimit-Reset as an epoch; RFC drafts use seconds.
    """
    now = time.time() if now is None else now
    low = {name.lower(): value.strip() for name, value in headers.items()}
    given = low.get("retry-after", "")
    if given.isdigit():
        return float(given)
    if given:
        date = email.utils.parsedate_tz(given)
        return max(0.0, email.utils.mktime_tz(date) - now) if date else None
    reset = _number(low.get("ratelimit-reset") or low.get("x-ratelimit-reset"))
    if reset is not None:
        return _left(reset, now)
    spent = [each.seconds for each in allowances(headers, now) if not each.remaining]
    return max(spent, default=None)


def _allowance(
    limit: int | None, remaining: int | None, reset: int | None, now: float
) -> Iterator[Allowance]:
    if remaining is not None and reset is not None:
        yield Allowance(remaining, _left(reset, now), limit)


def _left(reset: int, now: float) -> float:
    return max(0.0, float(reset) - now) if reset > EPOCH else float(reset)


def _number(said: str | None) -> int | None:
    """Read the first number; RateLimit-Limit may go on with "100, 100;w=60"."""
    match = re.match(r"\d{1,12}(?![\d-])", said or "")
    return int(match[0]) if match else None


def _policies(said: str) -> Iterator[tuple[str, dict[str, int]]]:
    for part in said.split(","):
        name, *given = part.split(";")
        found = (re.fullmatch(r"\s*(\w+)\s*=\s*(\d{1,12})\s*", each) for each in given)
        yield name.strip().strip('"'), {match[1]: int(match[2]) for match in found if match}
