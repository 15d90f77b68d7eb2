"""Memory that is free, for other programs."""

from __future__ import annotations

from ctypes import CDLL


def give_back() -> None:
    """Return to the system what has been freed; takes milliseconds.

    glibc keeps what a thread freed for that thread. Modules are loaded in threads, and those that
    are compiled on their way leave megabytes. Other C libraries have no `malloc_trim`.
    """
    trim = getattr(CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
