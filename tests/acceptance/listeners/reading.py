"""Listeners that look into the data, by filter and by hand."""

from __future__ import annotations

import json
import os

from event_system import Event, listener

_file = os.open("read.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("odd.*", name="reader", start="beginning")
async def reader(event: Event) -> None:
    os.write(_file, f"{event.id} {json.dumps(event.data)}\n".encode())


@listener("odd.*", name="filtered", start="beginning", filter="event.data.a == 1")
async def filtered(event: Event) -> None:
    os.write(_file, f"filtered-{event.id} 1\n".encode())
