"""`event-system reports` against a running site whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from event_system.cli.main import app
from event_system.incidents.manager import Options
from event_system.incidents.reports.objectives import Objective
from event_system.kernel.errors import InvalidQueryError
from tests.support.incidents import DAY, PLAN, World, running, signal
from tests.support.site import Site, serving

OBJECTIVE = Objective(service="api", objective=0.999, window_us=30 * DAY)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(Options(PLAN, gap_us=0, objectives=(OBJECTIVE,))) as world:
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    site = Site(clock=world.clock)
    site.incidents = world.manager
    async with serving(site) as running:
        yield running


async def run(site: Site, *arguments: str) -> Result:
    def call() -> Result:
        command = ["reports", *arguments, "--url", site.url]
        return CliRunner().invoke(app, command, env={"COLUMNS": "300"})

    return await asyncio.to_thread(call)


async def test_a_month_is_printed_as_a_document(site: Site, world: World) -> None:
    await world.fires(signal("Down", service="a[red]pi", team="x" * 300))

    shown = await run(site, "monthly", "2026-11")
    chinese = await run(site, "monthly", "2026-11", "--lang", "zh", "--zone", "Asia/Shanghai")

    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("# Operations in 2026-11\n\nThe month by the clocks of UTC.\n")
    assert (
        "| INC-20261118-0001 | P1 | a[red]pi | Down is wrong | 2026-11-18 12:00 |" in shown.stdout
    )
    assert "| Down | 1 | 1 | 0 |\n" in shown.stdout
    assert chinese.stdout.startswith("# 2026-11 运维回顾\n\n按 Asia/Shanghai 时区的月份统计。\n")


async def test_a_month_is_printed_as_json(site: Site) -> None:
    shown = await run(site, "monthly", "2026-11", "--json")

    told = json.loads(shown.stdout)
    assert (told["month"], told["figures"]["incidents"]) == ("2026-11", 0)
    assert told["markdown"].startswith("# Operations in 2026-11")


async def test_what_is_no_month_is_told_as_a_fault(site: Site) -> None:
    shown = await run(site, "monthly", "2026-13")

    assert isinstance(shown.exception, InvalidQueryError)
    assert "is no month; write it as 2026-10" in shown.exception.detail


async def test_objectives_are_listed_with_what_burns(site: Site, world: World) -> None:
    await world.fires(signal("Down", service="api"))
    await world.passes(9 * 60)

    lines = (await run(site, "objectives")).stdout.splitlines()
    told = json.loads((await run(site, "objectives", "--json")).stdout)

    assert lines[1].split() == ["api", "99.9000%", "30d", "99.9792%", "79.2%", "page"]
    assert told["objectives"][0]["burns"][0]["fires"] is True
