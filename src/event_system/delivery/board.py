"""The board: which events are in hand, for whoever comes after the end of this process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec


class Cells(Protocol):
    """Numbers by place."""

    def __getitem__(self, place: int, /) -> int: ...
    def __setitem__(self, place: int, value: int, /) -> None: ...


class Board(Protocol):
    """Which events are being handled right now; survives `kill -9`, costs a memory write.

    `cells[n]` is the offset that place `n` handles, 0 while it handles none; `cells[n + 1]` is
    the last offset where it handles a batch. `cells[n - 1]` is the sign of the place's key. A
    place with an empty key is nobody's, its sign 0: whoever uses it writes another's sign there
    while that one handles the offset.
    """

    @property
    def cells(self) -> Cells: ...

    def claims(self, keys: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """What the process before had in hand when it ended: first and last offsets, by key."""

    def lay(self, keys: Sequence[str]) -> list[int]:
        """Forget the claims and give every key a place."""

    async def show(self, place: int, offset: int) -> None:
        """Let other processes know that a place has this in hand from now on; 0 is nothing.

        Where no other can take over there is nobody to know it. Raises `StorageError`.
        """

    async def shown(self, keys: Collection[str]) -> dict[str, int]:
        """Offsets that these places had in hand as far as processes have shown, by key."""

    async def forget(self, keys: Collection[str]) -> None:
        """Forget what these places have shown."""


class InlinePlaces(msgspec.Struct, frozen=True):
    """Places on the board for sync listeners: one for each event on its way through them.

    A place is known by the cell of its sign, which the cell of its offset follows. `signs` are the
    listeners' by name. When all of `open` are taken, the `spare` one shows the last of the others.
    """

    cells: Cells
    signs: dict[str, int]
    open: list[int]
    spare: int
