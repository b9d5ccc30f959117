"""What a client accepts: the Accept header with its weights."""

from __future__ import annotations

import re
from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """Choose the media type that an Accept header weighs most, of equals the first; None if it takes none."""
    weighed = [_weigh(part) for part in accept.split(",") if part.strip()]
    best, chosen = 0.0, None
    for offer in offered:
        weight = max((w for kind, w in weighed if _matches(kind, offer)), default=0.0)
        if weight > best:
            best, chosen = weight, offer
    return chosen


def _weigh(part: str) -> tuple[str, float]:
    kind, *options = (piece.strip() for piece in part.split(";"))
    weight = next((option[2:] for option in options if option.startswith("q=")), "1")
    return kind.lower(), float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 1.0


def _matches(asked: str, offer: str) -> bool:
    return asked in {"*/*", offer, f"{offer.partition('/')[0]}/*"}
