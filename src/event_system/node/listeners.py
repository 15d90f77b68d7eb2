"""Finding listeners: modules by name or path, entry points, and an operator's overrides."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from event_system.events.listener import Listener, listeners_of
from event_system.kernel.errors import ListenerDefinitionError

ENTRY_POINT_GROUP = "event_system.listeners"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `broken` maps a module that could not be loaded to the reason."""

    listeners: list[Listener] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def find_listeners(modules: Iterable[str], *, use_entry_points: bool) -> Found:
    """Load listener modules. One that fails is reported and harms no other."""
    found = Found()
    for name in modules:
        _load(name, lambda name=name: _import(name), found)
    if use_entry_points:
        for point in entry_points(group=ENTRY_POINT_GROUP):
            _load(point.name, point.load, found)
    return found


def _load(name: str, load: Any, found: Found) -> None:
    try:
        found.listeners.extend(listeners_of(load()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
        found.broken[name] = f"{type(error).__name__}: {error}"
        context = {"module": name}
        _log.error(
            "a listener module could not be loaded: %s",
            name,
            exc_info=error,
            extra={"context": context},
        )


def _import(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ListenerDefinitionError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def with_overrides(
    listeners: Iterable[Listener], overrides: Mapping[str, Mapping[str, Any]]
) -> list[Listener]:
    """The listeners with an operator's settings."""
    changed = []
    for listener in listeners:
        given = overrides.get(listener.name, {})
        settings = {k: v for k, v in given.items() if v is not None and k != "enabled"}
        changed.append(listener.with_settings(**settings) if settings else listener)
    return changed


def enabled(
    listeners: Iterable[Listener], overrides: Mapping[str, Mapping[str, Any]]
) -> list[Listener]:
    """Those that the operator has not switched off."""
    return [one for one in listeners if overrides.get(one.name, {}).get("enabled") is not False]
