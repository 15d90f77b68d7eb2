"""`event-system cluster status`."""

from __future__ import annotations

from event_system.cli.cluster import ranges
from tests.support.command import command
from tests.support.site import Site


async def test_nodes_are_shown_with_what_they_have(site: Site) -> None:
    shown = await command(site, "cluster", "status")

    lines = shown.out.splitlines()
    assert lines[0].split() == [
        *("NAME", "STATE", "ROLES", "LANES", "TASKS", "LAG", "CLOCK"),
        *("SINCE", "LAST", "SEEN", "VERSION", "ADDRESS"),
    ]
    assert "api, ops, worker  0-3" in lines[1]
    assert "-0.014 s" in lines[2]
    assert "gone" in lines[3]
    assert lines[-1].split() == ["leaderboard", "eu-1", "17", "eu-1:", "17"]


async def test_what_nobody_has_is_told(site: Site) -> None:
    site.cluster.unowned.lanes = [4, 5, 7]
    site.cluster.unowned.tasks = ["retention"]

    shown = await command(site, "cluster", "status")

    assert shown.out.splitlines()[-1] == "no node has: lanes 4-5, 7; tasks retention"


async def test_json_is_the_answer_as_it_is(site: Site) -> None:
    shown = await command(site, "cluster", "status", "--json")

    assert [node["name"] for node in shown.json["nodes"]] == ["eu-1", "eu-2", "eu-3"]


def test_numbers_in_a_row_are_a_range() -> None:
    assert ranges([]) == ""
    assert ranges([3]) == "3"
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
