"""Very many types, sources, subjects and ids: what the node remembers of them is bounded."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

NAMES = int(os.environ.get("NAMES", "100000"))
BATCH = 5_000
MIB = 1024 * 1024
LISTENERS = [Path(__file__).parent / "listeners" / "counting.py"]
LIMITS = "limits: {per_key: {rate: 1.0e+6}, per_source: {rate: 100}, per_type: {rate: 100}}\n"
BOUND = 256 * MIB
"""Of the whole process, with up to a million names and ids."""


def lines(first: int) -> str:
    event = '{{"type":"many.n{0}","source":"/s/{0}","subject":"player-{0}","id":"{0}"}}'
    return "\n".join(event.format(number) for number in range(first, first + BATCH))


@pytest.mark.parametrize("config", ["", LIMITS], ids=["without limits", "with limits"])
def test_very_many_names_are_taken_in_bounded_memory(tmp_path: Path, config: str) -> None:
    with NodeProcess(tmp_path, config, LISTENERS) as node, node.client() as client:
        before = node.rss_bytes()
        began = time.monotonic()
        headers = {"content-type": "application/x-ndjson"}
        for first in range(0, NAMES, BATCH):
            answer = client.post("/api/events/batch", content=lines(first), headers=headers)
            assert answer.json()["accepted"] == BATCH
        seconds = time.monotonic() - began
        wait_until(lambda: node.metrics()['listener_lag{listener="counter"}'] == 0)
        after = node.rss_bytes()
        metrics = node.metrics()
        sys.stderr.write(
            f"{NAMES} types, sources and subjects in {seconds:.1f} s: {before // MIB} MiB before, "
            f"{after // MIB} MiB after, {len(metrics)} series\n"
        )
        assert after < BOUND
        assert len(metrics) < 2_500
        assert metrics['events_triggered_total{type="__other__"}'] >= NAMES - 1_000
        assert sum(name.startswith("events_triggered_total{") for name in metrics) <= 1_001
        _check_answers(client)


def _check_answers(client: httpx.Client) -> None:
    """Each is found by any of its names, and known when it comes again."""
    for number in (0, NAMES // 2, NAMES - 1):
        for name in (f"type=many.n{number}", f"source=/s/{number}", f"subject=player-{number}"):
            found = client.get(f"/api/events?{name}").json()["events"]
            assert [event["id"] for event in found] == [str(number)]
        event = {"type": f"many.n{number}", "source": f"/s/{number}", "id": str(number)}
        assert client.post("/api/events/trigger", json=event).json()["duplicate"] is True
    assert client.get("/health").json()["status"] == "ok"
