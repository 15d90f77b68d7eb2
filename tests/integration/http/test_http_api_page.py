"""The examples of docs/http-api.md do what the page says."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event_system.events.ports import Delivery
from event_system.http.health import Health
from tests.support.memory_retries import failure
from tests.support.site import Site, listener_status

PAGE = Path(__file__).parents[3] / "docs" / "http-api.md"
COMPONENTS = ("event_manager", "database", "metrics", "listeners")
_BLOCKS = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_TIMED_OUT = 28  # curl's exit code for the stream, which never ends by itself


def _examples() -> Iterator[tuple[str, Any]]:
    """Each shell block with the JSON block right behind it, if there is one."""
    blocks = [(found[1], found[2]) for found in _BLOCKS.finditer(PAGE.read_text("utf-8"))]
    for (kind, text), (next_kind, next_text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "sh":
            yield text, json.loads(next_text) if next_kind == "json" else None


async def _run(script: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else None


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_every_example_of_the_page_works_in_its_order(site: Site) -> None:
    site.health = Health(dict.fromkeys(COMPONENTS, "ok"))
    site.deliveries.deliveries = [Delivery("event-system.self-test", "async", "handled")]
    site.cluster.nodes = site.cluster.nodes[:1]
    site.deliveries.statuses = [listener_status("leaderboard")]
    dead = failure("leaderboard", 42, at_us=site.clock.now_us() - 1, type_="player.level_up")
    site.failures.put(dead)
    examples = list(_examples())

    for script, expected in examples:
        streams = "/stream" in script
        asked = script.replace("curl ", "curl -sS --fail ", 1)
        code, out = await _run(asked.replace("http://localhost:8080", site.url))
        assert code == (_TIMED_OUT if streams else 0), script
        assert not streams or "event: event\ndata: {" in out
        if expected is not None:
            assert _shape(json.loads(out)) == _shape(expected), script

    assert len(examples) >= 12
