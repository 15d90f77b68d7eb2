"""What the event core's metrics say after what happened."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.delivery.statistics import Observed, slowest_traced
from event_system.events.ports import Commit
from event_system.metrics.children import Exemplar
from event_system.metrics.families import Values
from event_system.metrics.instruments import EventMetrics, Sources
from event_system.metrics.manager import MetricsManager
from tests.support.rows import row


class Board:
    """Metrics, what they look at, and a way to read them."""

    def __init__(self) -> None:
        self.manager = MetricsManager()
        self.metrics = EventMetrics(self.manager)
        self.full_lanes = 0
        self.lags: dict[str, int] = {}
        self.requests: dict[tuple[str, int], int] = {}
        self.metrics.watch(
            Sources(
                queued=lambda: 7,
                full_lanes=lambda: self.full_lanes,
                lags=lambda: self.lags,
                head=lambda: 42,
                streams=lambda: 3,
                requests=lambda: self.requests,
                duplicates=lambda: 5,
            )
        )

    def collected(self, name: str) -> Values:
        return next(v for v in self.manager.collect() if v.spec.name == name)

    def value(self, name: str, *labels: str) -> float | None:
        found = dict(self.collected(name).rows).get(labels)
        return None if found is None else found[0]

    def observed(self, name: str) -> dict[tuple[str, ...], tuple[int, float]]:
        """Number and sum of a histogram's values."""
        return {at: (int(count), total) for at, (*_, count, total) in self.collected(name).rows}

    def commit(self, *types: str, seconds: float = 0.001) -> None:
        rows = [row(str(at), type_=type_) for at, type_ in enumerate(types)]
        self.metrics.committed(Commit(1, rows), seconds)

    def handle(self, listener: str, calls: int, errors: int = 0, age: float = 0.02) -> None:
        self.metrics.observe(Observed(listener, [0.004] * calls, [age] * calls, errors))

    def run(self, seconds: Iterable[int]) -> None:
        for second in seconds:
            self.metrics.refresh(float(second))


@pytest.fixture
def board() -> Board:
    return Board()


def test_an_idle_node_is_well(board: Board) -> None:
    board.run(range(3))

    assert board.value("event_processing_success_rate") == 100
    assert board.value("event_processing_latency") == 0
    assert board.value("async_queue_full") == 0
    assert board.value("async_queue_full_rate") == 0


def test_stored_events_are_counted_by_type(board: Board) -> None:
    board.commit("player.login", "chat.said", "player.login")

    assert board.value("events_triggered_total", "player.login") == 2
    assert board.value("events_triggered_total", "chat.said") == 1
    assert board.observed("eventlog_commit_events") == {(): (1, 3.0)}
    assert board.observed("eventlog_commit_duration_seconds") == {(): (1, 0.001)}


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("player.login", "player_login"),
        ("player.logout", "player_logout"),
        ("player.level_up", "player_level_up"),
        ("activity.start", "activity_start"),
        ("activity.end", "activity_end"),
    ],
)
def test_a_games_events_have_metrics_of_their_own(board: Board, type_: str, name: str) -> None:
    for second in range(30):
        board.commit(*[type_] * 5)
        board.metrics.refresh(second)

    assert board.value(f"{name}_events_total") == 150
    assert board.value(f"{name}_event_rate") == 5
    assert board.value("event_trigger_rate") == 5


def test_latency_is_the_mean_of_the_last_minute_in_milliseconds(board: Board) -> None:
    board.handle("greet", calls=10, age=10.0)
    board.run(range(100))
    board.handle("greet", calls=1, age=0.1)
    board.handle("greet", calls=1, age=0.3)

    board.metrics.refresh(100)

    assert board.value("event_processing_latency") == pytest.approx(200)


def test_an_event_from_the_future_has_no_age(board: Board) -> None:
    """The clock was set back an hour since it was received."""
    board.handle("greet", calls=2, age=-3600.0)
    board.handle("greet", calls=1, age=0.25)

    assert board.observed("event_processing_latency_seconds") == {(): (3, 0.25)}


def test_success_is_the_share_of_the_last_five_minutes(board: Board) -> None:
    board.handle("greet", calls=8, errors=2)
    board.run(range(200))
    board.handle("greet", calls=12)
    board.run(range(200, 210))

    assert board.value("event_processing_success_rate") == 90
    assert board.value("listener_error_rate") == 10

    board.run(range(210, 320))

    assert board.value("event_processing_success_rate") == 100
    assert board.value("listener_error_rate") == 0


def test_calls_and_errors_are_kept_by_listener(board: Board) -> None:
    board.handle("greet", calls=3, errors=1)
    board.handle("reward", calls=2)

    assert board.value("listener_events_total", "greet") == 3
    assert board.value("listener_errors_total", "greet") == 1
    assert board.value("listener_errors_total", "reward") == 0
    seconds = board.observed("listener_duration_seconds")
    assert {labels: calls for labels, (calls, _) in seconds.items()} == {
        ("greet",): 3,
        ("reward",): 2,
    }
    assert seconds["greet",][1] == pytest.approx(0.012)


def test_what_others_keep_is_read_when_it_is_asked_for(board: Board) -> None:
    board.full_lanes = 1
    board.lags = {"greet": 40, "reward": 2}
    board.requests = {("/api/events/trigger", 200): 9, ("/api/events/trigger", 400): 1}

    assert board.value("async_queue_length") == 7
    assert board.value("async_queue_full") == 1
    assert board.value("eventlog_head_offset") == 42
    assert board.value("live_streams") == 3
    assert board.value("events_duplicate_total") == 5
    assert board.value("listener_lag", "greet") == 40
    assert board.value("listener_lag", "reward") == 2
    assert board.value("http_requests_total", "/api/events/trigger", "200") == 9
    assert board.value("http_requests_total", "/api/events/trigger", "400") == 1


def test_the_full_rate_is_the_share_of_seconds_with_a_full_channel(board: Board) -> None:
    board.run(range(45))
    board.full_lanes = 3
    board.run(range(45, 51))
    board.full_lanes = 0
    for second in range(51, 60):  # full and empty again between two looks
        board.metrics.channel_full()
        board.metrics.refresh(second)
    board.run(range(60, 65))

    assert board.value("async_queue_full_rate") == pytest.approx(100 * 15 / 60)
    assert board.value("async_queue_full_events_total") == 9


def test_refusals_are_counted_by_their_code(board: Board) -> None:
    board.metrics.refused("event.invalid")

    assert board.value("events_refused_total", "event.invalid") == 1


def test_a_traced_call_is_an_exemplar_of_both_latencies() -> None:
    manager = MetricsManager()
    metrics = EventMetrics(manager, {"00-aa-bb-01": "aa"}.get)

    metrics.observe(Observed("l", [0.3, 0.7], [1.5, 3.0], 0, (1, "00-aa-bb-01")))
    metrics.observe(Observed("l", [0.4], [2.0], 0, (0, "no traceparent")))

    told = {v.spec.name: v.exemplars for v in manager.collect() if v.exemplars}
    assert told == {
        "listener_duration_seconds": {("l",): {6: Exemplar("aa", 0.7)}},
        "event_processing_latency_seconds": {(): {12: Exemplar("aa", 3.0)}},
    }


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.just("") | st.text(min_size=1))))
def test_the_slowest_traced_call_stands_for_its_slice(
    calls: list[tuple[float, str | None]],
) -> None:
    durations, traces = [call[0] for call in calls], [call[1] for call in calls]

    found = slowest_traced(durations, traces)

    traced = [call for call in calls if call[1]]
    assert (found is None) == (not traced)
    if found is not None:
        assert calls[found[0]] == (max(duration for duration, _ in traced), found[1])
