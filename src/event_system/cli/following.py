"""Following a node's live stream: frames, gaps, and coming back after a lost connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from event_system.cli.client import Connection, error_of, unreachable, without_none
from event_system.kernel.errors import UnavailableError

SILENCE_SECONDS: Final = 40.0
"""A node sends a comment every 15 seconds; after this it counts as lost."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event; `data` is None where only the id moved on."""

    kind: str
    id: str | None
    data: str | None


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a `text/event-stream`."""
    kind = "message"
    id_: str | None = None
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data or id_ is not None:
                yield Frame(kind, id_, "\n".join(data) if data else None)
            kind, id_, data = "message", None, []
        elif name == "event":
            kind = value
        elif name == "id":
            id_ = value
        elif name == "data":
            data.append(value)


class Follower:
    """Shows each event once, in order, however often the connection is lost.

    `on_event` gets an event in CloudEvents form, `on_notice` a line for the user.
    """

    def __init__(
        self,
        connection: Connection,
        query: Mapping[str, Any],
        on_event: Callable[[dict[str, Any]], None],
        on_notice: Callable[[str], None],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._query = without_none(query)
        self._on_event = on_event
        self._on_notice = on_notice
        self._pause = pause
        self._last: str | None = None
        self._left = -1
        self._reached = False

    def run(self, *, after: int | None = None, count: int | None = None) -> None:
        """Follow until `count` events were shown. Raises what the node refuses with."""
        self._last = None if after is None else str(after)
        self._left = -1 if count is None else count
        pause = FIRST_PAUSE
        while self._left:
            before = self._last
            try:
                self._follow()
            except (httpx.TransportError, UnavailableError) as error:
                if not self._reached:
                    raise self._first_fault(error) from error
                pause = FIRST_PAUSE if self._last != before else min(pause * 2, LONGEST_PAUSE)
                self._on_notice(f"the connection was lost; trying again in {pause:g} s")
                self._pause(pause)

    def _first_fault(self, error: Exception) -> Exception:
        is_ours = isinstance(error, UnavailableError)
        return error if is_ours else unreachable(self._connection.url, error)

    def _follow(self) -> None:
        """Read one connection until it ends."""
        headers = {} if self._last is None else {"last-event-id": self._last}
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=5.0)
        options = {**self._connection.options(), "timeout": timeout}
        with (
            httpx.Client(**options) as client,
            client.stream(
                "GET", "/api/events/stream", params=self._query, headers=headers
            ) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise error_of(answer)
            self._reached = True
            for frame in frames(answer.iter_lines()):
                self._take(frame)
                if not self._left:
                    return
        raise httpx.RemoteProtocolError("the node ended the stream")

    def _take(self, frame: Frame) -> None:
        if frame.id is not None:
            self._last = frame.id
        if frame.data is None:
            return
        found = json.loads(frame.data)
        if frame.kind == "gap":
            self._on_notice(f"too slow: offsets {found['from']} to {found['to']} were left out")
        else:
            self._left -= 1
            self._on_event(found)
