"""What an upstream sent, as it is passed on."""

from __future__ import annotations

import re

_EMAIL = re.compile(rb"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}")


def without_addresses(body: bytes) -> bytes:
    """Take e-mail addresses out of what an upstream sent: we pass on metadata, not ways to reach people."""
    return _EMAIL.sub(b"(e-mail address removed)", body)
