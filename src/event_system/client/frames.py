"""The frames of a `text/event-stream`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event; `data` is None where only the id moved on."""

    kind: str
    id: str | None
    data: str | None


class FrameReader:
    """Makes frames of lines."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._kind = "message"
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, line: str) -> Frame | None:
        """The frame that this line, without its end, completes."""
        if not line:
            return self._finish()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
        return None

    def _finish(self) -> Frame | None:
        kind, id_, data = self._kind, self._id, self._data
        self._begin()
        if not data and id_ is None:
            return None
        return Frame(kind, id_, "\n".join(data) if data else None)
