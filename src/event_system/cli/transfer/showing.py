"""How transfers show how far they are: a bar on standard error, where that is a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Bar:
    """A bar over a known way (offsets, bytes), with the events that went by and their rate."""

    def __init__(self, name: str, *, hidden: bool) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _Events(),
            TimeRemainingColumn(),
            console=console,
            disable=hidden or not console.is_terminal,
        )
        self._way = self._progress.add_task(name, total=None, events=0)
        self._events = self._progress.add_task(name, total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def move(self, place: int, total: int | None, events: int) -> None:
        """The place on the way, its length (None where nobody knows), and the events so far."""
        self._progress.update(self._events, completed=events)
        rate = self._progress.tasks[self._events].speed or 0.0
        self._progress.update(
            self._way, completed=place, total=total, events=events, rate=round(rate)
        )


class _Events(ProgressColumn):
    def render(self, task: Task) -> Text:
        events, rate = task.fields.get("events", 0), task.fields.get("rate", 0)
        return Text(f"{events:,} events  {rate:,}/s")
