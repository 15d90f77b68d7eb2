"""Modules that are loaded once the node listens."""

from __future__ import annotations

from importlib import import_module

from event_system.kernel.threads import in_thread


async def load_module(module: str) -> None:
    """Import a module in a thread; the loop goes on meanwhile."""
    await in_thread(import_module, module)
