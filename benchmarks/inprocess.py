"""`es.trigger` in the same process against the HTTP route."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from benchmarks.harness import Run, median, node, scratch, wrk

NAME = "inprocess"
TASKS = 64


def run(run: Run) -> None:
    inside, outside = [], []
    for _ in range(run.rounds):
        with scratch() as directory:
            command = [
                sys.executable,
                "-m",
                "benchmarks.inprocess",
                str(directory / "in"),
                str(run.seconds),
            ]
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            inside.append(float(text))
            with node(directory / "out") as at:
                outside.append(wrk(at.url, "trigger.lua", TASKS, run.seconds).per_second)
    run.figure(NAME, "es.trigger, 64 tasks", median(inside), "/s")
    run.at_least(NAME, "es.trigger / HTTP", median(inside) / median(outside), 1.5)


async def trigger_for(directory: str, seconds: float) -> float:
    from event_system import EventSystem

    stored = 0
    end = time.perf_counter() + seconds

    async def play(es: EventSystem, number: int) -> None:
        nonlocal stored
        mine = 0
        while time.perf_counter() < end:
            mine += 1
            data = {"level": mine % 80, "class": "mage", "zone": "north-7", "xp": 123456}
            await es.trigger(
                "player.level_up", data, subject=f"p-{mine % 1000}", id=f"{number}-{mine}"
            )
            stored += 1

    async with EventSystem(directory) as es:
        started = time.perf_counter()
        await asyncio.gather(*(play(es, number) for number in range(TASKS)))
        return stored / (time.perf_counter() - started)


if __name__ == "__main__":
    import uvloop

    print(uvloop.run(trigger_for(sys.argv[1], float(sys.argv[2]))))
