"""The worker processes of a node, and which listeners' handlers run there."""

from __future__ import annotations

import logging
import os
import sys

from event_system.events.listener import Listener, listeners_of
from event_system.kernel.errors import ListenerDefinitionError
from event_system.metrics.manager import MetricsManager
from event_system.metrics.merging import Merged
from event_system.node.listeners import Found
from event_system.workers.frames import Begin
from event_system.workers.pool import WorkerPool

_PROGRAM = """
import signal, sys
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(number, lambda *_: None)
sys.path[:] = {path}
from event_system.node.worker import main
main()
"""
"""Before all else signals to the whole group are left to the node, which ends its processes itself.

Ignored they would be ignored by what handlers start, too. Modules are looked for where this process
does, from the first one on.
"""

_log = logging.getLogger(__name__)


def worker_pool(size: int, found: Found, manager: MetricsManager) -> WorkerPool | None:
    """Processes for the listeners that ask for one; None where there are none of either.

    Raises `ListenerDefinitionError` for a listener that no other process can load.
    """
    wanted = [one.name for one in found.listeners if one.process]
    if not wanted:
        return None
    if size == 0:
        _log.info(
            "listeners that have `process` run in the node: event.worker_processes is 0",
            extra={"context": {"listeners": wanted}},
        )
        return None
    homes = {name: os.fsencode(_home(name, found)) for name in wanted}
    program = ["-c", _PROGRAM.format(path=ascii(sys.path))]
    begin = Begin(homes, logging.getLogger().getEffectiveLevel())
    return WorkerPool(size, program, begin, Merged(manager))


def _home(name: str, found: Found) -> str:
    home = found.homes.get(name, "")
    module = sys.modules.get(home)  # not of what was found by its path or as an entry point
    nested = module is not None and name not in {one.name for one in listeners_of(module)}
    if home in {"", "__main__"} or nested:
        raise ListenerDefinitionError(
            f"listener {name!r}: it has `process`, and no other process would find it; declare it "
            "at the top level of a module that is not the program itself",
            where=name,
        )
    return home


def placed(listeners: list[Listener], pool: WorkerPool | None) -> list[Listener]:
    """The listeners, those with `process` called in the pool's processes."""
    if pool is None:
        return listeners
    return [
        one.with_settings(handler=pool.handler(one.name)) if one.process else one
        for one in listeners
    ]
