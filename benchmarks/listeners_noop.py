"""Listeners of the benchmarks: they do nothing but note when they were called.

`system.probe` asks for what was noted so far: it is written to `ages.json` in the working
directory and forgotten.
"""

import json
import time
from pathlib import Path
from typing import Any

from event_system import Event, listener

ages: list[int] = []


@listener("player.*", name="noop", start="beginning")
async def noop(event: Event) -> None:
    ages.append(time.time_ns() // 1000 - event.received_us)


@listener("system.probe", name="report", mode="sync")
async def report(event: Event) -> None:
    found = sorted(ages)
    ages.clear()
    count = len(found)
    summary: dict[str, Any] = {"count": count}
    if count:
        summary |= {"p50_us": found[count // 2], "p99_us": found[int(count * 0.99)]}
    scratch = Path("ages.new")
    scratch.write_text(json.dumps(summary))
    scratch.rename("ages.json")
