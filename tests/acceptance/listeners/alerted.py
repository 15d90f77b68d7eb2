"""A listener that writes down what it hears of alerts."""

from __future__ import annotations

import json
import os
from pathlib import Path

from event_system import Event, listener

_file = os.open(Path("alerted.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("alert.*", name="alerted", start="beginning")
async def alerted(event: Event) -> None:
    told = {"type": event.type, "source": event.source, "subject": event.subject, **event.data}
    os.write(_file, json.dumps(told).encode() + b"\n")
