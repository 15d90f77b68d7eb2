"""What all brokers' queues have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from event_system.collectors.flow import Flow, Level
from event_system.collectors.ports import Sample

MAX_QUEUES: Final = 200
"""Of one broker; the fullest ones count. More would fill the metrics, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue at this moment; None is what the broker does not say.

    `published`, `delivered` and `redelivered` are totals since the queue began.
    """

    name: str
    depth: float | None = None
    unacknowledged: float | None = None
    stored: float | None = None
    stored_bytes: float | None = None
    consumers: float | None = None
    published: float | None = None
    delivered: float | None = None
    redelivered: float | None = None
    redelivering: float | None = None
    is_dead: bool = False


_FIGURES: Final = {
    "depth": "queue_depth",
    "unacknowledged": "queue_unacknowledged",
    "stored": "queue_stored_messages",
    "stored_bytes": "queue_stored_bytes",
    "consumers": "queue_consumers",
    "published": "queue_published_total",
    "delivered": "queue_delivered_total",
    "redelivered": "queue_redelivered_total",
    "redelivering": "queue_redelivering",
}


def is_dead(name: str, patterns: Iterable[str]) -> bool:
    """Whether a queue of this name is one for dead letters; `*` stands for any characters."""
    lower = name.lower()
    return any(fnmatchcase(lower, pattern.lower()) for pattern in patterns)


def fullest(queues: Sequence[Queue]) -> list[Queue]:
    """The queues that count, those of dead letters first."""
    ordered = sorted(queues, key=lambda q: (not q.is_dead, -_held(q), q.name))
    return ordered[:MAX_QUEUES]


def _held(queue: Queue) -> float:
    return (queue.depth or 0.0) + (queue.stored or 0.0)


def samples_of(queues: Sequence[Queue], flow: Flow, now: float) -> Iterator[Sample]:
    """The figures of queues; `now` is monotonic seconds."""
    for queue in queues:
        for attribute, figure in _FIGURES.items():
            if (value := getattr(queue, attribute)) is not None:
                yield Sample(figure, value, (queue.name,))
        held = queue.depth if queue.depth is not None else queue.stored
        if queue.is_dead and held is not None:
            yield Sample("queue_dead_letters", held, (queue.name,))
    levels = {
        queue.name: Level(queue.depth, queue.delivered)
        for queue in queues
        if queue.depth is not None and queue.delivered is not None
    }
    for name, wait in flow.look(levels, now).items():
        yield Sample("queue_latency_seconds", wait, (name,))
