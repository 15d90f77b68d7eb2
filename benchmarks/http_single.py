"""Single events over HTTP, durable before the answer."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.harness import Load, Run, free_port, median, node, process, scratch, wrk

NAME = "http_single"
SCRIPT = "trigger.lua"


def run(run: Run) -> None:
    with scratch() as directory:
        for connections in (64, 400):
            rates: dict[str, list[float]] = {}
            p99: list[float] = []
            for turn in range(run.rounds):
                for side in ("durable", "noop", "granian", "plain"):
                    if side not in {"durable", "noop"} and connections == 400:
                        continue
                    load = _measure(
                        run, side, connections, directory / f"{side}-{connections}-{turn}"
                    )
                    rates.setdefault(side, []).append(load.per_second)
                    if side == "durable":
                        p99.append(load.p99_ms)
            _report(run, connections, {side: median(r) for side, r in rates.items()}, median(p99))


def _measure(run: Run, side: str, connections: int, directory: Path) -> Load:
    directory.mkdir(parents=True)
    with ExitStack() as stack:
        if side == "durable":
            url = stack.enter_context(node(directory)).url
        else:
            port = free_port()
            module = {"noop": "noop", "granian": "granian_noop", "plain": "litestar_plain"}[side]
            command = [sys.executable, "-m", f"benchmarks.servers.{module}", str(port)]
            stack.enter_context(process([*command, str(directory)], wait_port=port))
            url = f"http://127.0.0.1:{port}"
        wrk(url, SCRIPT, connections, 1)
        return wrk(url, SCRIPT, connections, run.seconds)


def _report(run: Run, connections: int, rates: dict[str, float], p99_ms: float) -> None:
    at = f"{connections} connections"
    for side, rate in rates.items():
        run.figure(NAME, f"{side}, {at}", rate, "/s")
    run.figure(NAME, f"durable p99, {at}", p99_ms, "ms")
    durable = rates["durable"]
    run.at_least(
        NAME,
        f"durable / no-op route, {at}",
        durable / rates["noop"],
        0.40 if connections == 64 else 0.45,
    )
    if "granian" in rates:
        run.at_least(NAME, "durable / granian RSGI no-op", durable / rates["granian"], 0.9)
        run.at_least(NAME, "durable / Litestar + SQLAlchemy", durable / rates["plain"], 20)
