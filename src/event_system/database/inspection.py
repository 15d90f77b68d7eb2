"""The state's files, looked at from outside; their node may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from event_system.database.state import LOST_LISTENER, LOST_STATE, STATE_FILE
from event_system.sqlite.files import FileReport, guarding, read_only, report


def state_files(directory: Path, *, check: bool) -> Iterator[FileReport]:
    """The state database, and that of each batch listener."""
    state = directory / STATE_FILE
    if state.exists():
        yield report(state, "cursors and failures", LOST_STATE, check=check)
    for path in sorted((directory / "listeners").glob("*.db")):
        yield report(path, "a batch listener's tables", LOST_LISTENER, check=check)


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
