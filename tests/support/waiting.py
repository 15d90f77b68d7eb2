"""Waiting for what is true in the end, however slow the machine is."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

PATIENCE_SECONDS = 240.0
"""No test is slow that needs less; what has not come by then does not come."""

SHORTEST_SECONDS, LONGEST_SECONDS = 0.002, 0.1


async def until(holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait on the loop until a condition holds, which may be a coroutine's; its value."""
    for pause in _pauses(holds, seconds):
        value = holds()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        await asyncio.sleep(pause)
    raise AssertionError  # `_pauses` says what never came


def wait_until(holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait in this thread until a condition holds; its value."""
    for pause in _pauses(holds, seconds):
        if value := holds():
            return value
        time.sleep(pause)
    raise AssertionError  # `_pauses` says what never came


def _pauses(holds: Callable[[], Any], seconds: float) -> Iterator[float]:
    """Pauses between looks, ever longer ones. Raises `AssertionError` where it takes too long."""
    deadline, pause = time.monotonic() + seconds, SHORTEST_SECONDS
    while time.monotonic() < deadline:
        yield pause
        pause = min(1.2 * pause, LONGEST_SECONDS)
    yield 0.0  # a last look, if the machine stood still meanwhile
    raise AssertionError(f"waited {seconds:g} s in vain for {_text(holds)}")


def _text(holds: Callable[[], Any]) -> str:
    """What is waited for, as it is written."""
    try:
        lines = dedent(inspect.getsource(holds)).strip()
    except (OSError, TypeError):
        return repr(holds)
    cells = inspect.getclosurevars(holds).nonlocals if inspect.isfunction(holds) else {}
    values = ", ".join(f"{name}={value!r:.200}" for name, value in cells.items())
    return f"{lines}  # {values}" if values else lines
