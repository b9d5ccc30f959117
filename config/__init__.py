"""What an operator may turn: `settings.py` has every knob, `headwater.toml` the shipped values, commented.

Knows nothing above it: no source, no store, no server. A source declares its own facts on its card;
an operator overrides them here by name.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("headwater")
except PackageNotFoundError:  # a bare checkout that was never installed
    VERSION = "0"
