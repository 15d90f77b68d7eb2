"""Failed deliveries, dead letters and what is to happen later, at /metrics of a running node."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

LISTENERS = Path(__file__).parent / "listeners" / "failing.py"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("failing"), listeners=[LISTENERS]) as running:
        yield running


def metrics(node: NodeProcess) -> dict[tuple[str, ...], float]:
    """Values by name and label values."""
    text = httpx.get(f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=PATIENCE_SECONDS).text
    samples = (sample for family in read_text(text) for sample in family.samples)
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def shown(node: NodeProcess, wanted: dict[tuple[str, ...], float]) -> bool:
    return metrics(node).items() >= wanted.items()


def post(node: NodeProcess, path: str, **body: Any) -> None:
    with node.client() as client:
        client.post(path, json=body).raise_for_status()


def test_a_parked_event_is_counted_and_has_an_age(node: NodeProcess) -> None:
    post(node, "/api/events/trigger", type="test.wait")
    wait_until(lambda: shown(node, {("listener_retrying", "waits"): 1}))
    age = metrics(node)["listener_retrying_age_seconds", "waits"]
    assert 0 < age < 60
    wait_until(lambda: metrics(node)["listener_retrying_age_seconds", "waits"] > age)
    assert metrics(node)["listener_errors_total", "waits"] == 1
    assert metrics(node)["listener_retrying_age_seconds", "dies"] == 0


def test_dead_letters_and_what_is_done_with_them_are_counted(node: NodeProcess) -> None:
    post(node, "/api/events/trigger", type="test.die")
    died: dict[tuple[str, ...], float]
    died = {("listener_dead_letters_total", "dies"): 1.0, ("listener_dead", "dies"): 1.0}
    wait_until(lambda: shown(node, {**died, ("listener_events_total", "dies"): 1}))
    post(node, "/api/dead-letters/requeue", listener="dies")
    died["listener_dead_letters_total", "dies"] = 2
    again: dict[tuple[str, ...], float]
    again = {("dead_letters_requeued_total",): 1.0, ("listener_retries_total", "dies"): 1.0}
    wait_until(lambda: shown(node, {**died, **again, ("listener_events_total", "dies"): 2}))
    post(node, "/api/dead-letters/discard", listener="dies")
    assert shown(node, {("dead_letters_discarded_total",): 1, ("listener_dead", "dies"): 0})


def test_what_waits_for_its_time_and_how_late_it_fires_is_counted(node: NodeProcess) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    post(node, "/api/events/trigger", type="test.later", deliver_at=tomorrow)
    with node.client() as client:
        ticks = {"cron": "* * * * * *", "event": {"type": "test.tick"}}
        client.put("/api/schedules/ticks", json=ticks).raise_for_status()
    wait_until(lambda: metrics(node)["scheduled_events_fired_total",] >= 1)
    found = metrics(node)
    assert found["scheduled_events_waiting",] == 1
    assert found["scheduled_firing_delay_seconds_count",] >= 1
    assert found["scheduled_firing_delay_seconds_sum",] > 0


def test_an_attempt_that_was_cut_off_is_counted_after_the_start(node: NodeProcess) -> None:
    with suppress(httpx.HTTPError):  # it may die before it answers
        post(node, "/api/events/trigger", type="test.kill")
    assert node.ended() == -signal.SIGKILL
    node.start()
    wait_until(lambda: shown(node, {("listener_events_total", "kills"): 1}))
    found = metrics(node)
    assert found["listener_interrupted_total", "kills"] == 1
    assert found["listener_retrying", "waits"] == 1
    assert found["listener_retrying", "kills"] == 0
