"""Where a node stores: in files of its data directory, or on the database server of its settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

from event_system.kernel.clock import Clock
from event_system.node.database_settings import DatabaseSettings
from event_system.node.settings import EventSettings
from event_system.node.stores import Stores, embedded_stores
from event_system.sql.extras import demand


async def open_stores(
    database: DatabaseSettings, directory: Path, settings: EventSettings, clock: Clock
) -> Stores:
    """Open what the settings say, brought up to date.

    Raises `DataDirectoryError`, `DamagedFileError`; of a server `MissingDriverError`,
    `DatabaseRefusedError`, `DatabaseUnreachableError`, `MigrationError`, `NewerDatabaseError`
    and `LeaseHeldError`.
    """
    if not database.enabled:
        return embedded_stores(directory, settings, clock, asyncio.get_running_loop())
    demand(database.address.dialect)
    from event_system.node.server_stores import open_server_stores

    return await open_server_stores(database, directory, settings, clock)
