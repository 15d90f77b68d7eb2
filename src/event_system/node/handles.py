"""File handles: how many connections they allow, and what is said when none is left."""

from __future__ import annotations

import errno
import logging
import os
import resource
from typing import Final

from event_system.kernel.errors import FileHandlesError

RESERVED: Final = 256
"""Handles for files, for metrics and for what listeners open; half of all where there are few."""
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE)
_log = logging.getLogger(__name__)


def connections_for(wanted: int) -> int:
    """How many connections there may be: those wanted, or as many as there are handles for.

    Raises the limit on handles as far as is needed and allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED
    if 0 <= soft < needed:
        soft = needed if hard < 0 else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = wanted if soft < 0 else soft - min(RESERVED, soft // 2)
    if allowed >= wanted:
        return wanted
    _log.warning(
        "%d file handles are enough for %d connections, not for the %d of "
        "`server.max_connections`: raise the limit (`ulimit -n`, LimitNOFILE), or lower the setting",
        *(soft, allowed, wanted),
        extra={"context": {"code": FileHandlesError.code}},
    )
    return allowed


def are_exhausted(error: Exception) -> bool:
    """Whether something failed for want of a file handle."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


class HandleWatch:
    """Says once that no handle is left, and once that there are some again."""

    def __init__(self) -> None:
        self.exhausted = False

    def look(self) -> None:
        """Take a handle and give it back; about once a second."""
        try:
            os.close(os.dup(2))
        except OSError as error:
            if not are_exhausted(error):
                raise
            if not self.exhausted:
                told = FileHandlesError()
                context = {"code": told.code}
                _log.error("%s. %s", told.title, told.remedy, extra={"context": context})
            self.exhausted = True
        else:
            if self.exhausted:
                _log.info("there are file handles again")
            self.exhausted = False
