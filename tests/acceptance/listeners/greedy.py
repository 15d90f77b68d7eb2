"""A listener that takes every file handle, and gives them back when it is told to."""

from __future__ import annotations

import os

from event_system import Event, listener

_taken: list[int] = []


@listener("handles.take", name="taker", mode="sync")
async def taker(event: Event) -> int:
    while True:
        try:
            _taken.append(os.dup(2))
        except OSError:
            return len(_taken)


@listener("handles.give", name="giver", mode="sync")
async def giver(event: Event) -> int:
    while _taken:
        os.close(_taken.pop())
    return 0
