"""What the event core's metrics say after what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from event_system.delivery.statistics import Observed
from event_system.events.ports import Commit
from event_system.metrics.instruments import EventMetrics
from event_system.metrics.manager import MetricsManager
from tests.support.rows import row


class Board:
    """Metrics, and a way to read them."""

    def __init__(self) -> None:
        self.manager = MetricsManager()
        self.metrics = EventMetrics(self.manager)

    def value(self, name: str, *labels: str) -> float | None:
        plain = next(v.plain for v in self.manager.collect() if v.spec.name == name)
        return dict(plain).get(labels)

    def commit(self, *types: str, seconds: float = 0.001) -> None:
        self.metrics.committed(
            Commit(1, [row(str(at), type_=type_) for at, type_ in enumerate(types)]), seconds
        )

    def handle(self, listener: str, calls: int, errors: int = 0, age: float = 0.02) -> None:
        self.metrics.observe(Observed(listener, [0.004] * calls, [age] * calls, errors))

    def run(self, seconds: Iterable[int]) -> None:
        for second in seconds:
            self.metrics.refresh(float(second))


@dataclass
class Standing:
    """A listener's backlog as the dispatcher would tell it."""

    name: str
    queued: int = 0
    full_lanes: int = 0
    behind: int = 0

    def lag(self) -> int:
        return self.behind


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
    assert board.metrics.events.commit_events.sum == 3
    assert board.metrics.events.commit_seconds.sum == 0.001


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
    assert board.value(f"{name}_events_per_second") == 5
    assert board.value("event_trigger_rate") == 5


def test_latency_is_the_mean_of_the_last_minute_in_milliseconds(board: Board) -> None:
    board.handle("greet", calls=10, age=10.0)
    board.run(range(100))
    board.handle("greet", calls=1, age=0.1)
    board.handle("greet", calls=1, age=0.3)

    board.metrics.refresh(100)

    assert board.value("event_processing_latency") == pytest.approx(200)


def test_success_is_the_share_of_the_last_five_minutes(board: Board) -> None:
    board.handle("greet", calls=8, errors=2)
    board.run(range(200))
    board.handle("greet", calls=12)
    board.run(range(200, 210))

    assert board.value("event_processing_success_rate") == 90
    assert board.value("listener_error_rate", "greet") == 10

    board.run(range(210, 320))

    assert board.value("event_processing_success_rate") == 100
    assert board.value("listener_error_rate", "greet") == 0


def test_calls_and_errors_are_kept_by_listener(board: Board) -> None:
    board.handle("greet", calls=3, errors=1)
    board.handle("reward", calls=2)

    seconds = next(v for v in board.manager.collect() if v.spec.name == "listener_duration_seconds")

    assert board.value("listener_errors_total", "greet") == 1
    assert board.value("listener_errors_total", "reward") == 0
    assert [(labels, sum(counts)) for labels, counts, _ in seconds.distributions] == [
        (("greet",), 3),
        (("reward",), 2),
    ]


def test_queues_are_looked_at_when_they_are_asked_for(board: Board) -> None:
    standing = [Standing("greet", 5, 1, 40), Standing("reward", 2, 0, 2)]
    board.metrics.watch(lambda: standing)

    assert board.value("async_queue_length") == 7
    assert board.value("async_queue_full") == 1
    assert board.value("listener_lag", "greet") == 40
    assert board.value("listener_lag", "reward") == 2


def test_the_full_rate_is_the_share_of_seconds_with_a_full_channel(board: Board) -> None:
    standing = Standing("greet")
    board.metrics.watch(lambda: [standing])
    board.run(range(45))
    standing.full_lanes = 3
    board.run(range(45, 51))
    standing.full_lanes = 0
    for second in range(51, 60):  # full and empty again between two looks
        board.metrics.channel_full()
        board.metrics.refresh(second)

    assert board.value("async_queue_full_rate") == pytest.approx(100 * 15 / 60)
    assert board.value("async_queue_full_total") == 9


def test_duplicates_and_refusals_are_counted(board: Board) -> None:
    board.metrics.duplicates(3)
    board.metrics.refused("event.invalid")

    assert board.value("events_duplicate_total") == 3
    assert board.value("events_refused_total", "event.invalid") == 1


def test_requests_are_counted_one_by_one_and_from_totals(board: Board) -> None:
    path = b"/api/events/trigger"
    board.metrics.count_answers({(path, 200): 5})
    board.metrics.count_answers({(path, 200): 7, (path, 400): 1})
    board.metrics.answered("/api/events/trigger", 200, 0.01)

    assert board.value("http_requests_total", "/api/events/trigger", "200") == 8
    assert board.value("http_requests_total", "/api/events/trigger", "400") == 1
