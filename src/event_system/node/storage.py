"""Where a node stores: in files of its data directory, or on the database server of its settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

from event_system.kernel.clock import Clock
from event_system.node import backbone_extras
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.database_settings import DatabaseSettings
from event_system.node.node_settings import NodeSettings
from event_system.node.settings import EventSettings
from event_system.node.stores import Stores, embedded_stores
from event_system.sql.extras import demand


async def open_stores(
    database: DatabaseSettings,
    backbone: BackboneSettings,
    directory: Path,
    event: EventSettings,
    node: NodeSettings,
    clock: Clock,
    *,
    alerting: bool = False,
) -> Stores:
    """Open what the settings say, brought up to date. With `alerting` others see that it is here.

    Raises `DataDirectoryError`, `DamagedFileError`; of a server `MissingDriverError`,
    `DatabaseRefusedError`, `DatabaseUnreachableError`, `MigrationError`, `NewerDatabaseError`
    and `LeaseHeldError`; of a backbone `MissingBackboneError`, `BackboneRefusedError`,
    `BackboneMismatchError` and `BackboneUnreachableError`.
    """
    if not database.enabled:
        return embedded_stores(directory, event, clock, asyncio.get_running_loop())
    demand(database.address.dialect)
    if backbone.enabled:
        backbone_extras.demand(backbone.kind)
    from event_system.node.server_stores import open_server_stores

    return await open_server_stores(
        *(database, backbone, directory, event, node, clock), alerting=alerting
    )
