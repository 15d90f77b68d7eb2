"""A worker process from start to end. Its one argument is the file handle of its pipe.

The node starts it, tells it over the pipe what to load, and ends it by closing the pipe.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import uvloop

from event_system.delivery.calls import describe
from event_system.events.listener import Listener, listeners_of
from event_system.kernel.errors import WorkerStartError
from event_system.metrics.declaring import RESERVED, declared_by
from event_system.metrics.manager import MetricsManager
from event_system.metrics.merging import Changes
from event_system.node.listeners import load_home
from event_system.node.measuring import register_all, with_metrics
from event_system.workers.child import Loaded, serve
from event_system.workers.frames import Begin

_PR_SET_PDEATHSIG: Final = 1
_log = logging.getLogger(__name__)


def main() -> None:
    """Work until the node ends, or says so."""
    _end_with_the_node()
    faulthandler.enable()
    manager = MetricsManager()
    load = Loader(manager)
    uvloop.run(serve(socket.socket(fileno=int(sys.argv[1])), load, Changes(manager)))


def _end_with_the_node() -> None:
    """Let the system kill this process when the node dies, whatever a handler is at."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Loader:
    """Loads listeners from their modules, and gives them the metrics of this process."""

    def __init__(self, manager: MetricsManager) -> None:
        self._manager = manager
        manager.reserve(RESERVED)

    def __call__(self, begin: Begin) -> Loaded:
        """One that fails harms no other."""
        names = defaultdict(list)
        for name, encoded in begin.homes.items():
            names[os.fsdecode(encoded)].append(name)
        listeners: dict[str, Listener] = {}
        broken: dict[str, str] = {}
        for home, wanted in names.items():
            declared, reason = self._declared(home)
            listeners |= {name: declared[name] for name in wanted if name in declared}
            broken |= {name: reason for name in wanted if name not in declared}
        _tell(broken)
        return Loaded(listeners, broken)

    def _declared(self, home: str) -> tuple[dict[str, Listener], str]:
        """The listeners that are declared there, and what to say of one that is not."""
        try:
            thing = load_home(home)
            found = with_metrics(listeners_of(thing), self._manager)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
            _log.error("a worker process could not load %s", home, exc_info=error)
            return {}, f"{home}: {describe(error)}"
        register_all(self._manager, declared_by(thing))
        return {one.name: one for one in found}, f"{home} has none such"


def _tell(broken: Mapping[str, str]) -> None:
    for name, reason in broken.items():
        context = {"code": WorkerStartError.code, "listener": name}
        _log.error(
            "a worker process cannot call %s: %s", *(name, reason), extra={"context": context}
        )
