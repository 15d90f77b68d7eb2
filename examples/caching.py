"""Listeners that look something up, once for all events and, with Redis, for all nodes.

event-system serve --listeners examples/caching.py
event-system trigger player.joined --subject Mo --data '{"guild": "g1"}'
event-system trigger guild.renamed --subject g1 --data '{"name": "Noon"}'
"""

from __future__ import annotations

from event_system import Cache, Event, listener, warm_up

guilds = {"g1": "Dawn", "g2": "Dusk"}
"""Stands for a table that is far away."""


async def name_of(cache: Cache, guild: str) -> str | None:
    """A guild's name; None, which is remembered as well, where there is no such guild."""

    async def load() -> str | None:
        return guilds.get(guild)

    name: str | None = await cache.get_or_load(
        f"guild:{guild}:name", load, ttl=600, tags=[f"guild:{guild}"], type=str | None
    )
    return name


@listener("player.joined", name="welcome", mode="sync")
async def welcome(event: Event, cache: Cache) -> str:
    """Gets the node's cache, as it has a parameter of that name."""
    return f"{event.subject} is now with {await name_of(cache, event.data['guild'])}"


@listener("guild.renamed", name="rename")
async def rename(event: Event, cache: Cache) -> None:
    """Changes the table first, then lets nobody find the old name on any node."""
    guilds[str(event.subject)] = event.data["name"]
    await cache.invalidate(f"guild:{event.subject}")


@warm_up("guilds")
async def fill(cache: Cache) -> None:
    """Runs at the start, before the node takes events."""
    for guild in guilds:
        await name_of(cache, guild)
