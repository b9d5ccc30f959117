"""What an operator may turn: `settings.py` has every knob, `headwater.toml` the shipped values.

Knows nothing above it: no source, no store, no server. A source declares its own facts on its card;
an operator overrides them here by name.
"""
