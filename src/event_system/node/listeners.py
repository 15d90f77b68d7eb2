"""Finding listeners: modules by name or path, entry points, and an operator's overrides."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from event_system.cache.warming import WarmUp, warm_ups_of
from event_system.events.listener import Listener, listeners_of
from event_system.kernel.errors import ListenerDefinitionError
from event_system.metrics.declaring import Declared, declared_by

ENTRY_POINT_GROUP = "event_system.listeners"
CACHE = "cache"
"""A listener's parameter of this name is the node's cache."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `broken` maps a module that could not be loaded to the reason.

    `homes` maps a listener's name to what `load_home` finds it in.
    """

    listeners: list[Listener] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    warm_ups: list[WarmUp] = field(default_factory=list)
    metrics: Declared = field(default_factory=Declared)
    modules: set[str] = field(default_factory=set)
    """Where something was found."""

    def add(self, thing: Any, home: str) -> None:
        """Take what a thing declares. Raises `ListenerDefinitionError`."""
        warm_ups, metrics = warm_ups_of(thing), declared_by(thing)
        is_no_listener = bool(warm_ups or metrics) and not inspect.ismodule(thing)
        declared = () if is_no_listener else listeners_of(thing)
        for listener in declared:
            wants_cache(listener)
        self.modules.add(home)
        self.metrics.update(metrics)
        self.warm_ups.extend(warm_ups)
        self.listeners.extend(declared)
        self.homes.update(dict.fromkeys((one.name for one in declared), home))


def find_listeners(modules: Iterable[str], *, use_entry_points: bool) -> Found:
    """Load listener modules. One that fails is reported and harms no other."""
    found = Found()
    for name in modules:
        _load(name, str(Path(name).resolve()) if name.endswith(".py") else name, found)
    if use_entry_points:
        for point in entry_points(group=ENTRY_POINT_GROUP):
            _load(point.name, point.value, found)
    return found


def given_listeners(things: Iterable[Any]) -> Found:
    """The listeners of functions, `Listener`s and modules. Raises `ListenerDefinitionError`."""
    found = Found()
    for thing in things:
        code = thing.handler if isinstance(thing, Listener) else thing
        home = inspect.getmodule(code)
        found.add(thing, "" if home is None else home.__name__)
    return found


def wants_cache(listener: Listener) -> bool:
    """Whether the node's cache goes in. Raises `ListenerDefinitionError` where it could not."""
    try:
        parameter = inspect.signature(listener.handler).parameters.get(CACHE)
    except (TypeError, ValueError):
        return False  # written in C
    if parameter is None:
        return False
    able = not listener.runs_in_thread and not listener.process
    if not able and parameter.default is parameter.empty:
        raise ListenerDefinitionError(
            f"listener {listener.name!r}: only an `async def` that runs in the node, without "
            f"`process`, can have a parameter `{CACHE}`",
            where=listener.name,
        )
    return able


def _load(name: str, home: str, found: Found) -> None:
    try:
        found.add(load_home(home), home)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
        found.broken[name] = f"{type(error).__name__}: {error}"
        context = {"module": name}
        _log.error(
            "a listener module could not be loaded: %s",
            name,
            exc_info=error,
            extra={"context": context},
        )


def load_home(home: str) -> Any:
    """What declares listeners: the path of a .py file, `package.module`, or `module:attribute`."""
    if home.endswith(".py"):
        return _load_file(Path(home))
    if ":" in home:
        return EntryPoint(name="", value=home, group=ENTRY_POINT_GROUP).load()
    return importlib.import_module(home)


def _load_file(path: Path) -> ModuleType:
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
