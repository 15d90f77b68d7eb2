"""Which build of the product this is."""

from __future__ import annotations

import sys

VERSION = "0.1.0"


def build_time() -> str:
    """When the package was built, UTC; `unknown` in a tree that was never installed."""
    try:
        from event_system._build import BUILD_TIME
    except ImportError:
        return "unknown"
    return str(BUILD_TIME)


def version_text() -> str:
    """What `event-system --version` prints."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Event System v{VERSION}\nBuild time: {build_time()}\nPython version: {python}"
