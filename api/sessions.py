"""Who may operate the node: whoever knows its token, for a while, from the browser that was told so.

Sessions live in this process and end with it. The cookie is for the browser alone and never sent along from
other sites; what changes anything must bear the session's own word as well, which no other site can read.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE, LONGEST = 30 * 60.0, 12 * 3600.0
"""Seconds after which a session ends that nobody used; after which it ends anyway."""
MOST = 100
FAILURES, FORGIVEN_AFTER = 5, 15 * 60.0
"""Wrong tokens that one client may try, and the seconds after which they are forgotten."""
CLIENTS_KEPT = 10_000


@dataclass(slots=True)
class Session:
    """An operator at a browser."""

    who: str
    word: str
    """Stands in each of the session's forms."""
    began: float
    used: float
    told: tuple[str, bool] | None = None
    """What the next page says of the last action, and whether that was refused."""


@dataclass(slots=True)
class Sessions:
    """The sessions of a node."""

    clock: Callable[[], float] = time.monotonic
    _open: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    def begin(self, who: str) -> tuple[str, Session]:
        """Begin a session; answer what its cookie holds."""
        key, now = secrets.token_urlsafe(32), self.clock()
        self._open[key] = session = Session(who, secrets.token_urlsafe(32), now, now)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return key, session

    def find(self, key: str) -> Session | None:
        """Find the session of a cookie; None when there is none, or it has ended."""
        found, now = self._open.get(key), self.clock()
        if found is None or now - found.used > IDLE or now - found.began > LONGEST:
            self._open.pop(key, None)
            return None
        found.used = now
        return found

    def end(self, key: str) -> None:
        self._open.pop(key, None)


@dataclass(slots=True)
class Attempts:
    """Wrong tokens, by client."""

    clock: Callable[[], float] = time.monotonic
    _failed: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def wait(self, client: str) -> float:
        """Answer the seconds a client must wait before it may try again."""
        failed = self._failed.get(client, [])
        return max(0.0, failed[-FAILURES] + FORGIVEN_AFTER - self.clock()) if len(failed) >= FAILURES else 0.0

    def failed(self, client: str) -> None:
        """Note a wrong token."""
        self._failed[client] = [*self._failed.pop(client, []), self.clock()][-FAILURES:]
        while len(self._failed) > CLIENTS_KEPT:
            self._failed.popitem(last=False)

    def passed(self, client: str) -> None:
        """Forget a client's wrong tokens: it knew the right one."""
        self._failed.pop(client, None)


def is_same(given: str, wanted: str) -> bool:
    """Compare secrets in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode(), wanted.encode())
