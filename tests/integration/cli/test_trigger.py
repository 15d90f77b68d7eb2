from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.kernel.errors import InvalidEventError, UnauthorizedError
from tests.support.command import command
from tests.support.site import Site, serving


async def test_an_event_is_triggered_with_everything_that_was_given(site: Site) -> None:
    options = {
        "--data": '{"level":  10}',
        "--subject": "Mo",
        "--source": "shell",
        "--id": "a-1",
        "--time": "2026-11-21T12:00:00Z",
    }
    done = await command(
        site, "trigger", "player.level_up", *(part for pair in options.items() for part in pair)
    )

    assert done.code == 0
    assert done.out == "a-1 stored at offset 1\n"
    row = site.log.rows[0]
    assert (row[5], row[6], row[7], row[8]) == ("player.level_up", "shell", "a-1", "Mo")
    assert row[14] == b'{"level":  10}'


async def test_a_second_time_is_told(site: Site) -> None:
    await command(site, "trigger", "a", "--id", "x")

    done = await command(site, "trigger", "a", "--id", "x")

    assert done.out == "x was stored before, at offset 1\n"


@pytest.mark.parametrize("key", ["order 4711", 'a"b\\c'])
async def test_an_idempotency_key_makes_the_id(site: Site, key: str) -> None:
    first = await command(site, "trigger", "a", "--idempotency-key", key)
    again = await command(site, "trigger", "a", "--idempotency-key", key)
    other = await command(site, "trigger", "b", "--idempotency-key", key)

    assert first.out == f"idem:{key} stored at offset 1\n"
    assert again.out == f"idem:{key} was stored before, at offset 1\n"
    assert other.code != 0
    assert "another type" in str(other.error)


async def test_an_expected_offset_guards_a_subject(site: Site) -> None:
    first = await command(site, "trigger", "a", "--subject", "p", "--expected-offset", "0")
    again = await command(site, "trigger", "a", "--subject", "p", "--expected-offset", "0")

    assert first.code == 0
    assert "at offset 1, not 0" in str(again.error)


async def test_json_is_the_receipt(site: Site) -> None:
    done = await command(site, "trigger", "a", "--id", "x", "--json")

    assert done.json == {"id": "x", "offset": 1, "duplicate": False}


async def test_data_comes_from_a_file_or_standard_input(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b'{"from": "file"}')

    await command(site, "trigger", "a", "--data", f"@{path}")
    await command(site, "trigger", "a", "--data", "-", typed=b'{"from": "input"}')

    assert [row[14] for row in site.log.rows] == [b'{"from": "file"}', b'{"from": "input"}']


@pytest.mark.parametrize("data", ["{", "@/no/such/file", "level=10"])
async def test_data_that_is_no_json_is_used_wrongly(site: Site, data: str) -> None:
    done = await command(site, "trigger", "a", "--data", data)

    assert done.code == 2
    assert "--data" in done.err
    assert site.log.rows == []


@pytest.fixture
async def greeting() -> AsyncIterator[Site]:
    async def greet(event: Event) -> str:
        if event.subject is None:
            raise ValueError("nobody to greet")
        return f"Hello, {event.subject}!"

    listener = Listener(name="greet", patterns=("player.login",), handler=greet, mode="sync")
    async with serving(Site([listener])) as running:
        yield running


async def test_what_sync_listeners_say_is_shown(greeting: Site) -> None:
    well = await command(greeting, "trigger", "player.login", "--subject", "Mo")
    badly = await command(greeting, "trigger", "player.login")

    assert '  greet: "Hello, Mo!" (' in well.out
    assert "  greet: failed: ValueError: nobody to greet" in badly.out


async def test_the_nodes_error_keeps_its_class_and_words(site: Site) -> None:
    done = await command(site, "trigger", "not a type")

    assert done.code == 1
    assert isinstance(done.error, InvalidEventError)
    assert "($.type)" in done.error.detail


async def test_a_key_comes_from_the_option_or_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.keys = {b"esk_1": "shell"}

    refused = await command(site, "trigger", "a")
    given = await command(site, "trigger", "a", "--key", "esk_1")
    monkeypatch.setenv("EVENT_SYSTEM_API_KEY", "esk_1")
    found = await command(site, "trigger", "a")

    assert isinstance(refused.error, UnauthorizedError)
    assert (given.code, found.code) == (0, 0)
    assert [row[6] for row in site.log.rows] == ["shell", "shell"]
