"""`event-system dead-letters`."""

from __future__ import annotations

import pytest

from event_system.kernel.errors import DeadLetterNotFoundError, InvalidRequestError
from tests.support.command import command
from tests.support.memory_retries import failure
from tests.support.rows import row
from tests.support.site import Site


@pytest.fixture
def full(site: Site) -> Site:
    event = row("e1", data=b'{"ok":true}')
    site.log.submit([event], lambda appended: None)
    site.failures.put(*(failure("x", n, at_us=n * 1_000_000) for n in range(1, 4)))
    site.failures.put(failure("y/z", 1, state="retrying", attempts=2))
    return site


async def test_dead_letters_are_listed_newest_first(full: Site) -> None:
    done = await command(full, "dead-letters", "list", "--limit", "2")

    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["x", "3"], ["x", "2"]]
    rest = await command(full, "dead-letters", "list", "--cursor", lines[3].split()[-1])
    assert [line.split()[:2] for line in rest.out.splitlines()[1:]] == [["x", "1"]]


async def test_what_is_tried_again_is_listed_too(full: Site) -> None:
    done = await command(full, "dead-letters", "list", "--state", "retrying", "--json")

    assert [each["listener"] for each in done.json["dead_letters"]] == ["y/z"]
    assert done.json["dead_letters"][0]["due"] == "1970-01-01T00:00:01.000Z"


async def test_one_is_shown_with_traceback_and_event(full: Site) -> None:
    done = await command(full, "dead-letters", "show", "y/z", "1")

    assert "ValueError: no" in done.out
    assert "Traceback …" in done.out
    assert "player.login" in done.out
    assert done.out.endswith('{\n  "ok": true\n}\n')
    missing = await command(full, "dead-letters", "show", "x", "9")
    assert isinstance(missing.error, DeadLetterNotFoundError)


@pytest.mark.parametrize(
    ("action", "done", "left"), [("requeue", "requeued", 4), ("discard", "discarded", 1)]
)
async def test_the_count_is_told_and_asked_about_first(
    full: Site, action: str, done: str, left: int
) -> None:
    refused = await command(full, "dead-letters", action, "--listener", "x", typed=b"n\n")
    assert f"{action} 3 dead letters?" in refused.err
    assert refused.out.endswith(f"nothing {done} (3 found)\n")
    assert full.failures.retries.counts["x"].dead == 3

    agreed = await command(full, "dead-letters", action, "--listener", "x", typed=b"y\n")
    assert agreed.out.endswith(f"3 {done}\n")
    counts = full.failures.retries.counts
    assert sum(each.retrying + each.dead for each in counts.values()) == left


async def test_yes_does_not_ask(full: Site) -> None:
    done = await command(full, "dead-letters", "discard", "--all", "--yes", "--json")

    assert done.json == {"count": 3, "done": True}
    assert done.err == ""


async def test_nothing_given_is_refused(full: Site) -> None:
    done = await command(full, "dead-letters", "discard", "--yes")

    assert isinstance(done.error, InvalidRequestError)
    assert full.failures.retries.counts["x"].dead == 3
