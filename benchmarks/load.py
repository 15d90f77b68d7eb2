"""Load, closed loop (wrk) and open loop, and the proof that what was accepted was stored."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.harness import KEY, Node, wait_for

SCRIPT = Path(__file__).parent / "load.lua"
CONNECTIONS = 16
SLOT_SECONDS = 0.001
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator saw. `faults` are reasons not to believe it.

    `answers` are all answers, `refused` those that were no success, `in_flight` the requests that
    may have been on their way when the generator stopped listening, `handled_in` the seconds until
    the last event was handled (where that was waited for).
    """

    answers: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    in_flight: int = 0
    stored: int = 0
    handled_in: float = 0.0
    faults: tuple[str, ...] = field(default=())

    @property
    def accepted(self) -> int:
        return self.answers - self.refused

    @property
    def per_second(self) -> float:
        return self.accepted / self.seconds

    def doubted(self, *faults: str) -> Load:
        return replace(self, faults=(*self.faults, *faults))


def faults_of(loads: Iterable[Load]) -> list[str]:
    """All reasons not to believe a row that comes from these loads."""
    return [fault for load in loads for fault in load.faults]


def wrk(
    url: str,
    connections: int,
    seconds: float,
    *,
    batch: int = 1,
    threads: int = 2,
    id_header: str = "X-Request-Id",
) -> Load:
    """Closed loop: every connection sends again as soon as it was answered."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), url, "--", os.urandom(4).hex(), str(batch), id_header]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(text.strip().rpartition("\n")[2])
    return _judged(Load(**found, in_flight=connections))


def _judged(load: Load) -> Load:
    if load.refused or load.broken:
        return load.doubted(f"{load.refused} answers were not 200, {load.broken} never came")
    return load


def stored(at: Node, drive: Callable[[], Load], events_each: int = 1) -> Load:
    """Run a load against a node and check that exactly what was accepted is in the log.

    Three counts have to agree: the load generator's 200s, the node's, and the growth of the log.
    The generator may miss no more than what was on its way when it stopped.
    """
    head, requests = settled(lambda: _taken(at))
    load = drive()
    grown, answered = settled(lambda: _taken(at))
    grown, answered = grown - head, answered - requests
    load = replace(load, stored=grown)
    if grown != answered * events_each:
        load = load.doubted(f"{answered} requests accepted, but {grown} events stored")
    if not 0 <= answered - load.accepted <= load.in_flight:
        load = load.doubted(f"the node counts {answered} answers, the client {load.accepted}")
    return load


def _taken(at: Node) -> tuple[int, int]:
    """Head and accepted requests."""
    return at.head(), at.accepted_requests()


def settled(look: Callable[[], T]) -> T:
    """What there is, such as the log's head, once nothing is on its way any more."""
    seen = look()
    for _ in range(100):
        time.sleep(0.15)
        now = look()
        if now == seen:
            return now
        seen = now
    raise RuntimeError("the log goes on growing after the load has ended")


def drained(at: Node) -> int:
    """How many the listener has handled, once nothing is on its way and nothing is left to handle."""
    settled(at.head)
    while (status := at.listener())["lag"]:
        pass
    return int(status["handled"])


def handled(at: Node, load: Load, before: int, seconds: float = 60) -> Load:
    """Check that the listener gets exactly what was stored; `before`: handled until then."""
    wait_for(lambda: at.listener()["lag"] == 0, seconds, every=0.05)
    count = at.listener()["handled"] - before
    if count != load.stored:
        return load.doubted(f"{load.stored} events stored, but {count} handled")
    return load


# Open loop


def steady(url_port: int, *, per_second: int, seconds: float) -> Load:
    """Events at a constant rate, however long answers take; times count from when each was due."""
    return asyncio.run(_steady(url_port, per_second, round(per_second * seconds)))


async def _steady(port: int, per_second: int, total: int) -> Load:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(_Answers, "127.0.0.1", port) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    salt = os.urandom(4).hex()
    for number in range(total):
        due = started + number / per_second
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(max(wait, SLOT_SECONDS))
        transport, answers = opened[number % CONNECTIONS]
        answers.due.append(due)
        transport.write(_request(salt, number))
    seconds = time.perf_counter() - started
    await _all_answered([answers for _, answers in opened])
    for transport, _ in opened:
        transport.close()
    return _judged(_summary([answers for _, answers in opened], seconds))


async def _all_answered(connections: list[_Answers]) -> None:
    end = time.perf_counter() + 10
    while any(c.due for c in connections) and time.perf_counter() < end:
        await asyncio.sleep(0.01)


def _summary(connections: list[_Answers], seconds: float) -> Load:
    times = sorted(ms for c in connections for ms in c.times_ms)
    return Load(
        answers=len(times),
        refused=sum(c.refused for c in connections),
        broken=sum(len(c.due) for c in connections),
        seconds=seconds,
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
    )


class _Answers(asyncio.Protocol):
    """One connection: when each answer was due, and how long after that it came."""

    def __init__(self) -> None:
        self.due: deque[float] = deque()
        self.times_ms: list[float] = []
        self.refused = 0
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self.refused += not head.startswith(b"http/1.1 200 ")
            self.times_ms.append((time.perf_counter() - self.due.popleft()) * 1000)


def _request(salt: str, number: int) -> bytes:
    body = (
        f'{{"type":"player.level_up","subject":"player-{number % 1000:03}",'
        f'"id":"{salt}-s-{number:010x}",'
        f'"data":{{"level":{10 + number % 80},"class":"mage","zone":"north-7","xp":123456}}}}'
    )
    return (
        "POST /api/events/trigger HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def percentile(rising: list[float], share: float) -> float:
    """Of values that rise."""
    return rising[min(len(rising) - 1, int(len(rising) * share))]
