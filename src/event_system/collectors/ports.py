"""What a kind of server has to offer to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric about servers; `labels` are those besides the ones that name the server."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """A figure's value, with values for its labels."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Reader(Protocol):
    """One server. Its methods are called by one task at a time."""

    async def read(self) -> Sequence[Sample]:
        """What the server says now, connecting where need be.

        A question that it refuses costs the figures of that question. Raises, whatever, where it
        does not answer; the next call connects anew.
        """

    def abort(self) -> None:
        """Drop the connection at once and without a word. Idempotent."""

    async def close(self) -> None:
        """Leave the server in order. Idempotent."""
