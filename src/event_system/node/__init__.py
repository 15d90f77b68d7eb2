"""One running process: its settings, how it is put together, and how it lives and ends.

`compose.py` is the composition root (nobody imports it but the CLI and tests), `embedded.py`
the same without sockets, `lifecycle.py` runs a node until a signal. Only this room reads the
environment, the clock and randomness; all others are given what they need.
"""
