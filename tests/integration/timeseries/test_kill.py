"""A store whose process is killed, and one whose disk is full."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.series import BASE_MS, contents, labels, opened

APPENDING = """\
import itertools, sys
from pathlib import Path
from tests.support.series import StoreClock, labels, opened, put

clock = StoreClock()
store = opened(Path(sys.argv[1]), clock, head_samples=500, most_series=10)
for n in itertools.count(1):
    clock.pass_ms(1000)
    put(store, [(labels("a"), clock.ms, float(n)), (labels("b"), clock.ms, float(-n))])
    store.sync()
    if n % 40 == 0:
        store.maintain()
    print(n, flush=True)
"""
FULL = """\
import resource, signal, sys
from pathlib import Path
from event_system.kernel.errors import StorageError
from tests.support.series import StoreClock, contents, labels, opened, put

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
clock = StoreClock()
store = opened(Path(sys.argv[1]), clock)
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))  # bytes of a file: then the disk is full
stored = 0
try:
    while True:
        clock.pass_ms(1000)
        stored += put(store, [(labels("a"), clock.ms, float(stored))])
except StorageError as error:
    print(error.code, "says", store.failure, flush=True)
assert store.tally.failed == 1
assert len(contents(store)[labels("a")]) == stored
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
clock.pass_ms(1000)
assert put(store, [(labels("a"), clock.ms, -1.0)]) == 1
assert store.failure is None
store._directory.close()  # as if it were killed
again = opened(Path(sys.argv[1]), clock)
assert len(contents(again)[labels("a")]) == stored + 1
assert again.damage == []
again.close()
print("mended")
"""
ROUNDS = 4


def test_what_was_synced_outlives_the_process(tmp_path: Path) -> None:
    expected = 0
    for round_ in range(ROUNDS):
        child = subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(tmp_path / str(round_))],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            expected = int(line)
            if expected >= 150 + 97 * round_:
                break
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.stdout.close()
        child.wait()
        expected = int(rest[-1]) if rest else expected
        _holds(tmp_path / str(round_), expected)


def _holds(path: Path, count: int) -> None:
    """All samples up to the one that was synced last; one more may be there."""
    store = opened(path)
    found = contents(store)
    assert store.damage == []
    store.close()
    for name in (labels("a"), labels("b")):
        times = sorted(found[name])
        assert times[:count] == [BASE_MS + 1000 * n for n in range(1, count + 1)]
        assert len(times) <= count + 1


def test_a_full_disk_is_told_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("storage.failed says samples cannot be stored: ")
    assert second == "mended"
