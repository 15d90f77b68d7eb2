"""A data directory as a whole: what is in it, whether it is sound, and how to make it small."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from event_system.database.sqlite.inspection import (
    alerting_files,
    catalogue_files,
    foreign_files,
    furthest_offset,
    state_files,
)
from event_system.eventlog.sqlite.inspection import LogFacts, log_facts, log_files
from event_system.eventlog.sqlite.log import lock_directory
from event_system.kernel.errors import (
    DamagedFileError,
    DataDirectoryError,
    ForeignFileError,
    LogBehindError,
)
from event_system.sqlite.files import FileReport, compact


class DirectoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """All files of a data directory; `faults` are those between them."""

    directory: str
    log: LogFacts
    files: list[FileReport]
    faults: list[str]
    bytes: int
    disk_free_bytes: int

    @property
    def is_sound(self) -> bool:
        return not (self.faults or any(file.faults for file in self.files))


def inspect(directory: Path, *, check: bool) -> DirectoryReport:
    """Look at every file; with `check` read all of it. Its node may be running.

    Raises `DataDirectoryError` where there is no log.
    """
    if not (directory / "events.db").exists():
        raise DataDirectoryError(f"{directory} holds no events.db", where=str(directory))
    files = [
        *log_files(directory, check=check),
        *state_files(directory, check=check),
        *catalogue_files(directory, check=check),
        *alerting_files(directory, check=check),
    ]
    try:
        log, faults = log_facts(directory), list(_cross_faults(directory))
    except (DamagedFileError, DataDirectoryError) as error:
        log, faults = LogFacts(), [error.detail]
    others = [path for path in directory.rglob("*") if path.is_file()]
    return DirectoryReport(
        directory=str(directory.resolve()),
        log=log,
        files=files,
        faults=faults,
        bytes=sum(path.stat().st_size for path in others),
        disk_free_bytes=shutil.disk_usage(directory).free,
    )


def _cross_faults(directory: Path) -> Iterator[str]:
    known = furthest_offset(directory)  # before the log, which may grow meanwhile
    log = log_facts(directory)
    for path in foreign_files(directory, log.identity):
        yield f"{path} belongs to another log. {ForeignFileError.remedy}"
    head = log.newest_offset
    if known > head:
        yield f"the log ends at offset {head}, listeners know {known}. {LogBehindError.remedy}"


def compact_all(directory: Path) -> Iterator[tuple[str, int]]:
    """Rewrite every database without its free pages: each file's name, and the bytes it gave.

    Raises `DataDirectoryError` where a node is running, or the disk has no room for a copy of
    the largest file; a damaged file raises `DamagedFileError` and stays as it is.
    """
    report = inspect(directory, check=False)
    with lock_directory(directory):
        for file in report.files:
            if file.faults:
                raise DamagedFileError(f"{file.file}: {file.faults[0]}. {file.remedy}")
            room = shutil.disk_usage(directory).free
            if (needed := file.bytes - file.free_bytes) > room:
                raise DataDirectoryError(
                    f"compacting {file.file} needs {needed} bytes, the disk has {room}"
                )
            yield file.file, compact(next(directory.rglob(file.file)))
