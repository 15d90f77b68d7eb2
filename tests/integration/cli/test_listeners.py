"""`event-system listeners pause`, `resume`, `purge`."""

from __future__ import annotations

from event_system.kernel.errors import ListenerLoadedError, SyncListenerError
from tests.support.command import command
from tests.support.site import Site, listener_status


async def test_a_listener_is_paused_and_resumed(site: Site) -> None:
    site.deliveries.statuses = [listener_status("a/b")]

    paused = await command(site, "listeners", "pause", "a/b", "--for", "2h")
    shown = await command(site, "listeners", "show", "a/b", "--json")
    resumed = await command(site, "listeners", "resume", "a/b")

    assert "a/b is paused until 2" in paused.out
    assert shown.json["state"] == "paused"
    assert "a/b is running" in resumed.out


async def test_until_is_an_alternative_and_json_the_listener(site: Site) -> None:
    site.deliveries.statuses = [listener_status("a")]

    both = await command(site, "listeners", "pause", "a", "--for", "1h", "--until", "x")
    far = await command(site, "listeners", "pause", "a", "--until", "2100-01-01T00:00:00Z")
    paused = await command(site, "listeners", "pause", "a", "--json")

    assert (both.code, far.code) == (1, 1)
    assert paused.json["state"] == "paused"


async def test_a_removed_listener_is_purged_after_a_question(site: Site) -> None:
    site.deliveries.statuses = [listener_status("gone", state="removed", lag=17)]

    refused = await command(site, "listeners", "purge", "gone", typed=b"n\n")
    left = list(site.deliveries.statuses)
    purged = await command(site, "listeners", "purge", "gone", typed=b"y\n")

    assert (refused.code, len(left)) == (1, 1)
    assert "17 events behind" in refused.err
    assert (purged.code, site.deliveries.statuses) == (0, [])


async def test_yes_asks_nothing(site: Site) -> None:
    site.deliveries.statuses = [listener_status("gone", state="removed")]

    done = await command(site, "listeners", "purge", "gone", "--yes", "--json")

    assert (done.code, done.json["name"]) == (0, "gone")
    assert site.deliveries.statuses == []


async def test_what_the_node_refuses_is_told(site: Site) -> None:
    site.deliveries.statuses = [listener_status("on"), listener_status("sync", mode="sync")]

    loaded = await command(site, "listeners", "purge", "on", "--yes")
    sync = await command(site, "listeners", "pause", "sync")

    assert type(loaded.error) is ListenerLoadedError
    assert type(sync.error) is SyncListenerError
