"""2,000 series every 10 seconds for a day, in a process of their own: disk, memory, processor, ingest.

The samples are those of counters, byte sizes, percentages and constants, as a node has them. The
time of a day is the store's clock; what it costs is measured, the reading of a day beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import HERE, scratch
from benchmarks.report import Limit, Run

DAY_ROUNDS = 8640
PROGRAM = HERE / "timeseries_store.py"


def run(run: Run) -> None:
    count = 2880 if run.quick else DAY_ROUNDS
    found = [_measure(count) for _ in range(3)]
    column = {name: [each[name] for each in found] for name in found[0]}
    run.at_most("bytes a sample on the disk, journal included", column["bytes"], 2, "B")
    run.at_most("memory of the process", column["rss"], 150, "MiB")
    run.at_most("share of a core, every interval synced", column["share"], 3, "%")
    rates, target = column["rate"], 200_000
    run.ratio(
        "ingest, as a share of 200,000 samples/s",
        [(rate, target) for rate in rates],
        "/s",
        Limit(at_least=1),
    )
    run.figure("reading 480 series of the whole time", column["read_ms"], "ms")
    run.figure("opening after a crash", column["open_ms"], "ms")


def _measure(count: int) -> dict[str, float]:
    with scratch() as directory:
        command = [sys.executable, str(PROGRAM), str(directory), str(count)]
        done = subprocess.run(command, check=True, capture_output=True, cwd=Path(HERE).parent)
    found: dict[str, float] = json.loads(done.stdout)
    return found
