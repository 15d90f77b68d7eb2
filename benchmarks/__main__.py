"""Runs benchmarks and writes the table of results."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.harness import Result, Run, scratch

NAMES = (
    "http_single",
    "delivery",
    "batch",
    "sync_dispatch",
    "inprocess",
    "idle",
    "large",
    "peers.measure",
)
BEGIN, END = "<!-- results -->", "<!-- /results -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="shorter, less steady")
    parser.add_argument("--write", type=Path, help="a page whose results are to be renewed")
    options = parser.parse_args()
    (Path(__file__).parent.parent / ".build").mkdir(exist_ok=True)
    run = Run(options.quick)
    for name in options.names or NAMES:
        print(f"{name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").run(run)
    table = _table(run.results, _machine())
    print(table)
    if options.write:
        _write(options.write, table)
    return 1 if any(result.met is False for result in run.results) else 0


def _machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    kernel, python = platform.release(), platform.python_version()
    syncs = f"{_fsyncs_per_second():,.0f} fdatasync/s"
    return f"{os.cpu_count()} × {model}, Linux {kernel}, Python {python}, {syncs}"


def _fsyncs_per_second() -> float:
    with scratch() as directory, (directory / "probe").open("wb") as file:
        started = time.perf_counter()
        for _ in range(500):
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
        return 500 / (time.perf_counter() - started)


def _table(results: list[Result], machine: str) -> str:
    lines = [f"Measured {time.strftime('%Y-%m-%d')} on {machine}.", ""]
    lines += ["| benchmark | what | value | target | met |", "|---|---|---|---|---|"]
    for r in results:
        met = {None: "", True: "yes", False: "**no**"}[r.met]
        lines.append(f"| {r.benchmark} | {r.what} | {r.value:,.2f} {r.unit} | {r.target} | {met} |")
    return "\n".join(lines)


def _write(page: Path, table: str) -> None:
    text = page.read_text()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    page.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")


sys.exit(main())
