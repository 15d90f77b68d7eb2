"""What a node and its worker processes say to each other: messages, and frames around them.

A frame is the message's length in four bytes, the highest first, and the message in MessagePack.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from event_system.events.event import Event

LENGTH_BYTES = 4
MAX_ORDER_BYTES = 256 * 1024 * 1024
"""Of a message to a process: an event of the largest `event.max_event_size` is well below."""
MAX_REPORT_BYTES = 2 * 1024 * 1024
"""Of a message from a process: errors and log lines are cut to less."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """The first message to a process.

    `homes` is where each listener is declared, in the file system's encoding. `level` is the least
    severe level of log lines, as `logging` has it.
    """

    homes: dict[str, bytes]
    level: int


class Level(msgspec.Struct, frozen=True, array_like=True, tag="level"):
    """The least severe level of log lines has changed."""

    level: int


class Run(msgspec.Struct, frozen=True, array_like=True, tag="run"):
    """Call a handler. `number` is the call's; of the event only what is stored crosses."""

    number: int
    listener: str
    event: Event


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag="cancel"):
    """A call has taken too long, or nobody waits for it any more; it is to end."""

    number: int


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The process takes calls now, but of these listeners, with the reason."""

    broken: dict[str, str]


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """A handler has returned."""

    number: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """A handler has raised, or was cancelled."""

    number: int
    error: str
    traceback: str


class Logged(msgspec.Struct, frozen=True, array_like=True, tag="logged"):
    """A line of the process's log; `level` is that of `logging`, `error` its last exception."""

    logger: str
    level: int
    at_us: int
    message: str
    traceparent: str | None
    user: str | None
    context: dict[str, Any]
    metrics: dict[str, Any]
    error: dict[str, str] | None


class Measured(msgspec.Struct, frozen=True, array_like=True, tag="measured"):
    """What the process's metrics have grown by; see `metrics.merging.Change`."""

    changes: list[tuple[str, tuple[str, ...], float, list[int]]]


Order: TypeAlias = Begin | Level | Run | Cancel
Report: TypeAlias = Ready | Done | Failed | Logged | Measured

_encoder = msgspec.msgpack.Encoder()
read_order = msgspec.msgpack.Decoder(Order).decode
read_report = msgspec.msgpack.Decoder(Report).decode


class FrameError(ValueError):
    """The other side says more than it may."""


def pack(message: Order | Report) -> bytearray:
    """The message's frame."""
    frame = bytearray(LENGTH_BYTES)
    _encoder.encode_into(message, frame, LENGTH_BYTES)
    frame[:LENGTH_BYTES] = (len(frame) - LENGTH_BYTES).to_bytes(LENGTH_BYTES)
    return frame


class Frames:
    """Puts messages together again that come in pieces; none is longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytearray]:
        """The messages that are whole with these bytes, in their order. Raises `FrameError`."""
        kept = self._kept
        kept += data
        found, start = [], 0
        while len(kept) - start >= LENGTH_BYTES:
            begin = start + LENGTH_BYTES
            length = int.from_bytes(kept[start:begin])
            if length > self._limit:
                raise FrameError(f"a message of {length} bytes; {self._limit} are allowed")
            if len(kept) < begin + length:
                break
            start = begin + length
            found.append(kept[begin:start])
        del kept[:start]
        return found
