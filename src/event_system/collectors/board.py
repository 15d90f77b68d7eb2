"""What servers said when they were last looked at, shown until the next look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TypeAlias

from event_system.collectors.ports import Figure, Sample
from event_system.metrics.manager import MetricsManager

Labels: TypeAlias = tuple[str, ...]


class Board:
    """The figures of all servers of one kind. Loop thread only.

    `own` are the labels that name a server. What a server does not say any more is gone with the
    next look, so that no queue or database that has ended lives on in the metrics.
    """

    def __init__(
        self, manager: MetricsManager, own: Sequence[str], figures: Iterable[Figure]
    ) -> None:
        self._shown: dict[Labels, dict[str, dict[Labels, float]]] = {}
        for figure in figures:
            labels = (*own, *figure.labels)
            read = partial(self._of, figure.name)
            manager.register_function(figure.kind, figure.name, figure.help, labels, read)

    def show(self, server: Labels, samples: Iterable[Sample]) -> None:
        """From now on this is what the server has said, all of it."""
        found: dict[str, dict[Labels, float]] = {}
        for name, value, labels in samples:
            found.setdefault(name, {})[(*server, *labels)] = value
        self._shown[server] = found

    def _of(self, name: str) -> dict[Labels, float]:
        every = (shown.get(name, {}).items() for shown in self._shown.values())
        return dict(chain.from_iterable(every))
