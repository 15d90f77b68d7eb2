"""The embedded log's files, looked at from outside; its node may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import apsw
import msgspec

from event_system.eventlog.sqlite.log import LOST_INDEX, LOST_LOG
from event_system.eventlog.sqlite.schema import EVENTS_FILE, INDEX_FILE
from event_system.kernel.lanes import id_key
from event_system.sqlite.files import FileReport, guarding, read_only, report, with_faults

SAMPLE = 10_000
_NEWEST = "SELECT max(offset), max(received_us) FROM (SELECT * FROM events ORDER BY 1 DESC LIMIT 1)"
_OLDEST = "SELECT offset, received_us FROM events ORDER BY offset LIMIT 1"
_IDS = f"SELECT offset, id, id_key FROM events ORDER BY offset DESC LIMIT {SAMPLE}"  # noqa: S608
_IDENTITY = "SELECT value FROM facts WHERE name = 'identity'"
_RUNS = "SELECT run, first_offset, last_offset FROM runs ORDER BY run"


class LogFacts(msgspec.Struct, frozen=True):
    """Where the log begins and ends, with microseconds of receipt; all 0 while it is empty.

    `identity` is what the files that belong to it are marked with.
    """

    oldest_offset: int = 0
    newest_offset: int = 0
    oldest_us: int = 0
    newest_us: int = 0
    identity: int = 0


def log_facts(directory: Path) -> LogFacts:
    """Raises `DamagedFileError` where the log cannot be read."""
    path = directory / EVENTS_FILE
    with guarding(path, LOST_LOG), closing(read_only(path)) as log:
        newest = log.execute(_NEWEST).fetchone()
        oldest = log.execute(_OLDEST).fetchone()
        identity = int(log.execute(_IDENTITY).get or 0)
    if oldest is None or newest is None:
        return LogFacts(identity=identity)
    return LogFacts(int(oldest[0]), int(newest[0]), int(oldest[1]), int(newest[1]), identity)


def log_files(directory: Path, *, check: bool) -> Iterator[FileReport]:
    """The log and its index; with `check` both are read through and compared."""
    log, index = directory / EVENTS_FILE, directory / INDEX_FILE
    if log.exists():
        found = report(log, "the log", LOST_LOG, check=check, counted=False)
        if check and not found.faults:
            found = with_faults(found, _wrong_keys(log), LOST_LOG)
        yield found
    if index.exists():
        found = report(index, "index of the log", LOST_INDEX, check=check, counted=False)
        if check and not found.faults:
            found = with_faults(found, _wrong_runs(index), LOST_INDEX)
        yield found


def _wrong_keys(path: Path) -> list[str]:
    """Among the newest events, one whose id does not hash to its key was overwritten."""
    try:
        with closing(read_only(path)) as log:
            rows = [(offset, str(id_), key) for offset, id_, key in log.execute(_IDS)]
    except apsw.Error as error:
        return [str(error)]
    return [f"event {at} is not what was stored" for at, id_, key in rows if id_key(id_) != key][
        :10
    ]


def _wrong_runs(path: Path) -> list[str]:
    with closing(read_only(path)) as index:
        if index.pragma("user_version") == 0:
            return []
        runs: list[tuple[apsw.SQLiteValue, ...]] = index.execute(_RUNS).fetchall()
    return [
        f"run {run[0]} does not follow the one before"
        for before, run in pairwise(runs)
        if (int(str(before[0])) + 1, int(str(before[2])) + 1) != (run[0], run[1])
    ][:10]
