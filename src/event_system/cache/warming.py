"""What is loaded into a cache before a node is ready."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from event_system.cache.cache import Cache

Fill: TypeAlias = Callable[[Cache], Awaitable[Any]]
_DECLARED: Final = "__event_system_warm_up__"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A function that fills a cache at the start."""

    name: str
    fill: Fill


def warm_up(name: str) -> Callable[[Fill], Fill]:
    """Declare a function that a node calls with its cache before it is ready."""

    def declare(fill: Fill) -> Fill:
        setattr(fill, _DECLARED, WarmUp(name, fill))
        return fill

    return declare


def warm_ups_of(thing: Any) -> list[WarmUp]:
    """What a function, or the members of a module, declare."""
    members = vars(thing).values() if inspect.ismodule(thing) else (thing,)
    found = (getattr(member, _DECLARED, None) for member in members)
    return list({each.name: each for each in found if isinstance(each, WarmUp)}.values())


async def warm(cache: Cache, declared: Sequence[WarmUp], seconds: float) -> None:
    """Fill a cache, all at once and for so long at most; what fails is told and left out."""
    if not declared:
        return
    names = {asyncio.ensure_future(each.fill(cache)): each.name for each in declared}
    _, late = await asyncio.wait(names, timeout=seconds)
    for task in late:
        task.cancel()
    results = await asyncio.gather(*names, return_exceptions=True)
    for (task, name), result in zip(names.items(), results, strict=True):
        if task in late:
            _log.warning("the warm-up %s is not done after %g s and was ended", name, seconds)
        elif isinstance(result, BaseException):
            _log.warning("the warm-up %s failed", name, exc_info=result)
