"""The tables of a node on a server: one module for each room that owns some.

A module declares its tables on `metadata.METADATA`; whoever needs all of them, as the migrations
do, calls `declare`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def declare() -> None:
    """Put every table on the metadata."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
