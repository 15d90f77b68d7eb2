"""The state's files, looked at from outside; their node may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from event_system.database.sqlite.catalogue import CATALOGUE_FILE, LOST_CATALOGUE, read_entries
from event_system.database.sqlite.records import ALERTING_FILE, LOST_ALERTING
from event_system.database.sqlite.state import LOST_LISTENER, LOST_STATE, STATE_FILE
from event_system.kernel.errors import DamagedFileError
from event_system.sqlite.files import FileReport, guarding, read_only, report, with_faults


def state_files(directory: Path, *, check: bool) -> Iterator[FileReport]:
    """The state database, and that of each batch listener."""
    state = directory / STATE_FILE
    if state.exists():
        yield report(state, "cursors and failures", LOST_STATE, check=check)
    for path in sorted((directory / "listeners").glob("*.db")):
        yield report(path, "a batch listener's tables", LOST_LISTENER, check=check)


def catalogue_files(directory: Path, *, check: bool) -> Iterator[FileReport]:
    """The catalogue of event types."""
    path = directory / CATALOGUE_FILE
    if not path.exists():
        return
    found = report(path, "event types", LOST_CATALOGUE, check=check)
    if check and not found.faults:
        found = with_faults(found, _unreadable(path), LOST_CATALOGUE)
    yield found


def alerting_files(directory: Path, *, check: bool) -> Iterator[FileReport]:
    """What alerting keeps."""
    path = directory / ALERTING_FILE
    if path.exists():
        yield report(path, "alerts, silences and incidents", LOST_ALERTING, check=check)


def _unreadable(path: Path) -> list[str]:
    try:
        with closing(read_only(path)) as catalogue:
            read_entries(catalogue, path)
    except (apsw.Error, DamagedFileError) as error:
        return [str(error)]
    return []


def foreign_files(directory: Path, identity: int) -> list[Path]:
    """The files of the state that belong to another log than the one of this identity."""
    paths = [directory / STATE_FILE, *sorted((directory / "listeners").glob("*.db"))]
    return [path for path in paths if path.exists() and _mark(path) not in (0, identity)]


def _mark(path: Path) -> int:
    try:
        with closing(read_only(path)) as connection:
            return int(connection.pragma("application_id"))
    except apsw.Error:  # told where the file is looked at
        return 0


def furthest_offset(directory: Path) -> int:
    """The newest offset that listeners are known to have seen; 0 where nothing is known.

    Raises `DamagedFileError` where the state cannot be read.
    """
    path = directory / STATE_FILE
    if not path.exists():
        return 0
    sql = "SELECT max(o) FROM (SELECT routed o FROM progress UNION SELECT offset FROM cursors)"
    with guarding(path, LOST_STATE), closing(read_only(path)) as state:
        return int(state.execute(sql).get or 0)
