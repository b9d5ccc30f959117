"""How what a node sends is signed, so that a receiver can tell it from what others send.

Headwater-Delivery    the message's id; the same message keeps it when it is sent again
Headwater-Timestamp   seconds since 1970; a receiver should refuse what is older than five minutes
Headwater-Signature   v1=HEX, HMAC-SHA256 with the shared key over the timestamp, a dot and the body
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """Sign a body together with its time, so that nobody can send an old one again."""
    return "v1=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(key: bytes, id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """Answer the headers of a message."""
    timestamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json",
        "Headwater-Delivery": id_,
        "Headwater-Timestamp": timestamp,
        "Headwater-Signature": signature(key, timestamp, body),
    }
