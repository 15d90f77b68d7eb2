"""`event-system incidents` against a running site whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from event_system.cli.main import app
from event_system.kernel.errors import EventSystemError
from tests.support.incidents import World, running, signal
from tests.support.site import Site, serving


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    site = Site(clock=world.clock)
    site.incidents = world.manager
    async with serving(site) as running:
        yield running


async def run(site: Site, *arguments: str) -> Result:
    def call() -> Result:
        command = ["incidents", *arguments, "--url", site.url]
        return CliRunner().invoke(app, command, env={"COLUMNS": "300"})

    return await asyncio.to_thread(call)


async def done(site: Site, *arguments: str) -> Any:
    result = await run(site, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def test_an_incident_goes_from_its_beginning_to_its_end(site: Site, world: World) -> None:
    case = await world.fires(signal("Down", service="api"))
    id_ = case.incident.id

    acknowledged = await run(site, "ack", id_, "-m", "on it")
    await done(site, "note", id_, "the disk is full", "--as", "analyse")
    await done(site, "note", id_, "moved", "--as", "mitigate")
    resolved = await done(site, "resolve", id_, "-m", "grown")
    reopened = await done(site, "reopen", id_)
    await done(site, "resolve", id_)
    await world.settle()
    closed = await done(site, "close", id_, "--note", "nothing to learn")
    listed = await done(site, "list", "--state", "closed")

    assert acknowledged.stdout == f"{id_} is acknowledged, P1: Down is wrong\n"
    assert [entry["text"] for entry in closed["timeline"] if entry["text"]] == [
        *("on it", "the disk is full", "moved", "grown", "nothing to learn"),
    ]
    states = [each["state"] for each in (resolved, reopened, closed)]
    assert states == ["resolved", "classified", "closed"]
    assert [each["id"] for each in listed["incidents"]] == [id_]


async def test_what_others_have_changed_is_left_alone(site: Site, world: World) -> None:
    case = await world.fires(signal("Down"))

    refused = await run(site, "resolve", case.incident.id, "--version", "1")

    assert isinstance(refused.exception, EventSystemError)
    assert refused.exception.code == "incident.changed"
    assert case.incident.is_open


async def test_an_incident_is_given_raised_quietened_parted_and_joined(
    site: Site, world: World
) -> None:
    case = await world.fires(signal("A", service="x"), signal("B", service="x"))
    id_ = case.incident.id

    assigned = await done(site, "assign", id_, "bob")
    raised = await done(site, "reclassify", id_, "P0")
    quiet = await done(site, "snooze", id_, "2h")
    await done(site, "split", id_, "fp-B", "--title", "another matter")
    (other,) = (each.incident for each in world.open_cases if each is not case)
    merged = await done(site, "merge", other.id, id_)

    assert (assigned["assignee"], raised["level"]) == ("bob", "P0")
    assert quiet["snoozed_until"] == "2026-11-18T14:00:00.000Z"
    assert other.title == "another matter"
    assert (merged["state"], merged["merged_into"]) == ("merged", id_)


async def test_an_incident_is_shown_with_the_value_of_its_alert_in_both_languages(
    site: Site, world: World
) -> None:
    case = await world.fires(signal("Down", service="api"))

    english = (await run(site, "show", case.incident.id)).stdout
    chinese = (await run(site, "show", case.incident.id, "--zh")).stdout

    (row,) = (line for line in english.splitlines() if line.startswith("Down"))
    assert row.split()[1:4] == ["2026-11-18T12:00:00.000Z", "fires", "42"]
    assert "it opened the incident" in row
    assert "告警 Down 触发，当时的值：42" in chinese
    own = f"http://node.example/api/events?subject={case.incident.id}&order=oldest"
    assert f"its own events: {own}" in english.splitlines()
