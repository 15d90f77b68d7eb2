"""`es.trigger` in the same process against the HTTP route."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from benchmarks.harness import node, scratch
from benchmarks.load import Load, faults_of, stored, wrk
from benchmarks.report import Limit, Run

TASKS = 64


def run(run: Run) -> None:
    rounds = run.rounds({"inside": lambda: _inside(run), "http": lambda: _http(run)})
    run.ratio(
        "es.trigger, 64 tasks / HTTP, 64 connections",
        [(r["inside"].per_second, r["http"].per_second) for r in rounds],
        *("/s", Limit(at_least=1.5)),
        faults_of(load for r in rounds for load in r.values()),
    )


def _http(run: Run) -> Load:
    with scratch() as directory, node(directory) as at:
        wrk(at.url, TASKS, 1)
        return stored(at, lambda: wrk(at.url, TASKS, run.seconds))


def _inside(run: Run) -> Load:
    with scratch() as directory:
        command = [sys.executable, "-m", "benchmarks.inprocess", str(directory), str(run.seconds)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told, seconds, head = json.loads(text)
    load = Load(told, 0, 0, seconds, 0, 0, stored=head)
    return load if told == head else load.doubted(f"{told} events told, {head} stored")


async def _trigger_for(directory: str, seconds: float) -> tuple[int, float, int]:
    """Events told to be stored, the time that it took, events found in the log."""
    from event_system import EventSystem

    counts = [0] * TASKS
    end = time.perf_counter() + seconds

    async def play(es: EventSystem, number: int) -> None:
        while time.perf_counter() < end:
            counts[number] += 1
            mine = counts[number]
            data = {"level": mine % 80, "class": "mage", "zone": "north-7", "xp": 123456}
            await es.trigger(
                "player.level_up", data, subject=f"p-{mine % 1000}", id=f"{number}-{mine}"
            )

    async with EventSystem(directory) as es:
        started = time.perf_counter()
        await asyncio.gather(*(play(es, number) for number in range(TASKS)))
        spent = time.perf_counter() - started
        head = (await es.trigger("player.logout")).offset - 1
    return sum(counts), spent, head


if __name__ == "__main__":
    import uvloop

    print(json.dumps(uvloop.run(_trigger_for(sys.argv[1], float(sys.argv[2])))))
