"""The core of a node on a database, in the process of a test: as many as it wants."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from event_system.events.listener import Listener
from event_system.kernel.clock import Clock, SystemClock
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.core import Core
from event_system.node.database_settings import DatabaseSettings
from event_system.node.listeners import Found
from event_system.node.machine import Machine
from event_system.node.node_settings import NodeSettings
from event_system.node.settings import EventSettings
from event_system.node.storage import open_stores
from event_system.sql.dsn import Dsn


@asynccontextmanager
async def core_on(
    dsn: Dsn,
    directory: Path,
    listeners: Sequence[Listener] = (),
    *,
    clock: Clock | None = None,
) -> AsyncIterator[Core]:
    """A node's core that runs; the node is called as its directory is."""
    directory.mkdir()
    event = EventSettings()
    stores = await open_stores(
        DatabaseSettings(enabled=True, dsn=SecretStr(dsn.url)),
        BackboneSettings(),
        directory,
        event,
        NodeSettings(name=directory.name),
        clock or SystemClock(),
    )
    try:
        loop = asyncio.get_running_loop()
        machine = Machine(stores.clock, os.urandom, loop.call_later)
        core = Core(stores, event, Found(list(listeners)), {}, machine)
    except BaseException:
        await stores.close()
        raise
    try:
        await core.start()
        yield core
    finally:
        await core.stop(5.0)
