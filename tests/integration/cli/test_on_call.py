"""`event-system on-call` against a running site."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_system.cli.main import app
from tests.support.on_call import on_call_for_tests
from tests.support.site import Site


@pytest.fixture(autouse=True)
def plan(site: Site) -> None:
    site.on_call = on_call_for_tests(site.clock)


async def run(site: Site, *arguments: str) -> str:
    def call() -> str:
        command = ["on-call", *arguments, "--url", site.url]
        result = CliRunner().invoke(app, command, env={"COLUMNS": "300"}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return await asyncio.to_thread(call)


async def told(site: Site, *arguments: str) -> Any:
    return json.loads(await run(site, *arguments, "--json"))


async def test_now_says_who_answers_and_who_is_next(site: Site) -> None:
    shown = await run(site, "now", "--at", "2026-01-07T04:00:00Z")

    header, primary, empty = shown.splitlines()
    assert header.split()[:3] == ["SCHEDULE", "ON", "CALL"]
    assert primary.split()[:2] == ["primary", "li"]
    assert "wang from 2026-01-12T01:00:00.000Z" in primary
    assert empty.split() == ["empty", "nobody"]


async def test_shifts_and_gaps_are_listed_in_their_order(site: Site) -> None:
    span = ("--from", "2026-01-01T01:00:00Z", "--until", "2026-01-19T01:00:00Z")

    lines = (await run(site, "shifts", "primary", *span)).splitlines()

    assert [line.split()[2] for line in lines[1:]] == ["nobody", "li", "wang"]


async def test_people_and_schedules_are_listed(site: Site) -> None:
    site.feed_key = "correct horse battery staple"

    people, schedules = await run(site, "people"), await run(site, "schedules")

    assert "李伟" in people
    assert "email, phone" in people
    assert f"{site.url}/api/on-call/schedules/primary.ics?token=" in schedules


async def test_somebody_stands_in(site: Site) -> None:
    made = await told(
        site, "override", "add", "primary", "anna", "--for", "4h", "--note", "x", "--by", "li"
    )
    changed = await told(site, "override", "change", made["id"], "--note", "y")
    listed = await run(site, "override", "list", "--schedule", "primary")
    now = await told(site, "now")
    ended = await run(site, "override", "end", made["id"])

    assert (made["by"], made["note"], changed["note"]) == ("li", "x", "y")
    assert changed["start"] == made["start"]
    assert listed.splitlines()[1].split()[:3] == [made["id"], "primary", "anna"]
    assert now["schedules"][0]["people"] == ["anna"]
    assert ended == "anna stands in for primary no more\n"
    assert (await told(site, "override", "list"))["overrides"] == []


async def test_overrides_are_imported(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "team.ics"
    file.write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nSUMMARY:王芳\n"
        "DTSTART:20260101T000000Z\nDURATION:PT2H\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nEND:VCALENDAR\n",
        encoding="utf-8",
    )

    made = await told(site, "override", "import", "primary", str(file))

    assert {each["person"] for each in made["overrides"]} == {"wang"}
    assert 52 <= len(made["overrides"]) <= 54
