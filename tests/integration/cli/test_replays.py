"""`event-system replays start`, `list`, `show`, `cancel`."""

from __future__ import annotations

from event_system.kernel.errors import ReplayNotFoundError, ReplayRunningError
from tests.support.command import command
from tests.support.site import Site, listener_status


async def test_a_replay_is_started_and_cancelled(site: Site) -> None:
    site.deliveries.statuses = [listener_status("a/b")]

    started = await command(site, "replays", "start", "a/b", "--from", "7", "--until", "90")
    again = await command(site, "replays", "start", "a/b", "--from", "7")
    cancelled = await command(site, "replays", "cancel", "a/b", "1")

    assert started.out == "replay 1: 7 to 90\n"
    assert type(again.error) is ReplayRunningError
    assert cancelled.out == "replay 1 is cancelled at offset 7\n"


async def test_times_modes_and_rates_go_along(site: Site) -> None:
    site.deliveries.statuses = [listener_status("a")]
    options = ("--mode", "missed", "--rate", "2.5", "--json")

    started = await command(
        site, "replays", "start", "a", "--from", "1970-01-01T00:00:07Z", *options
    )

    found = started.json
    assert (found["from_offset"], found["mode"], found["rate_limit"]) == (7, "missed", 2.5)


async def test_replays_are_listed_and_shown(site: Site) -> None:
    site.deliveries.statuses = [listener_status("a")]
    await command(site, "replays", "start", "a", "--from", "7")

    listed = await command(site, "replays", "list", "a")
    shown = await command(site, "replays", "show", "a", "1")
    as_json = await command(site, "replays", "list", "a", "--json")
    missing = await command(site, "replays", "show", "a", "2")

    assert "running" in listed.out
    assert "25.0%" in listed.out
    assert "until offset" in shown.out
    assert [each["id"] for each in as_json.json["replays"]] == [1]
    assert type(missing.error) is ReplayNotFoundError
