"""Taking over a changed configuration while the node runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from event_system.kernel.errors import ConfigurationError, EventSystemError
from event_system.kernel.threads import in_thread
from event_system.node.configuration import Loaded, fingerprint
from event_system.node.settings import Settings

POLL_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """Changed settings by dotted key: those that take effect now, and those that do not."""

    live: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    restart: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def plan_reload(old: Settings, new: Settings) -> ReloadPlan:
    """What differs between two configurations. Pure."""
    plan = ReloadPlan()
    _compare(old, new, "", plan)
    return plan


def _compare(old: BaseModel, new: BaseModel, prefix: str, plan: ReloadPlan) -> None:
    for name, info in type(old).model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        key = f"{prefix}{name}"
        extra = info.json_schema_extra
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            _compare(before, after, f"{key}.", plan)
        elif before != after:
            live = isinstance(extra, dict) and bool(extra.get("live"))
            (plan.live if live else plan.restart)[key] = (before, after)


class ConfigWatcher:
    """Looks at the configuration's files once a second, and at once when asked to.

    `load` reads and validates, `apply` takes over; either may refuse with an
    `EventSystemError`, and then the old configuration stays in force, whole.
    """

    def __init__(
        self,
        current: Loaded,
        load: Callable[[], Loaded],
        apply: Callable[[ReloadPlan, Loaded], None],
    ) -> None:
        self.settings = current.settings
        self.refused = 0
        self.applied = 0
        self._files = current.files
        self._load = load
        self._apply = apply
        self._seen = current.seen
        self._asked = asyncio.Event()

    def request(self) -> None:
        """Reload now, changed or not; what SIGHUP does."""
        self._asked.set()

    async def run(self) -> None:
        """Watch until cancelled. Requests that come during a reload make one more."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), POLL_SECONDS)
            except TimeoutError:
                if not await self._has_changed():
                    continue
            self._asked.clear()
            await self.reload()

    async def _has_changed(self) -> bool:
        """Without a file handle to look with, not now."""
        try:
            return await in_thread(fingerprint, self._files) != self._seen
        except OSError:
            return False

    async def reload(self) -> None:
        """Read, validate, take over; or say why not."""
        try:
            loaded = await self._read()
            plan = plan_reload(self.settings, loaded.settings)
            self._apply(plan, loaded)
        except EventSystemError as error:
            self.refused += 1
            _log.error(
                "the new configuration is refused and the old one kept: %s",
                error.detail,
                extra={"context": {"code": error.code}},
            )
            return
        except OSError as error:
            self.refused += 1
            _log.error("the configuration cannot be read now, and the old one is kept: %s", error)
            return
        self._take(plan, loaded.settings)

    async def _read(self) -> Loaded:
        """The new configuration, or its faults, from files that were looked at before.

        So a change that comes while they are read is noticed at the next look. Where other
        files are named now than before, these are looked at and read again.
        """
        while True:
            looked_at = self._files
            self._seen = await in_thread(fingerprint, looked_at)
            try:
                loaded = await in_thread(self._load)
            except ConfigurationError as error:
                self._files = error.files
                if error.files == looked_at:
                    raise
            else:
                self._files = loaded.files
                if loaded.files == looked_at:
                    return loaded

    def _take(self, plan: ReloadPlan, new: Settings) -> None:
        self.applied += 1
        self.settings = new
        context = {"changed": sorted(plan.live)}
        _log.info("configuration reloaded", extra={"context": context})
        for key in plan.restart:
            _log.warning("%s has changed; restart needed for it to take effect", key)
