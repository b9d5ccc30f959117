"""How a long-lived process of Headwater is set up."""

from __future__ import annotations

import gc


def settle() -> None:
    """Tell the garbage collector that what is loaded stays and that much will come and go.

    A page of documents is some hundred thousand short-lived objects without cycles; with the defaults the
    collector walks all modules over and over, a quarter of the time of a harvest (573 to 441 µs a record).
    Called once, when all modules are loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
