"""Targets that files name, as Prometheus' `file_sd_configs` have them; read again as they change."""

from __future__ import annotations

import glob
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from event_system.kernel.clock import Clock
from event_system.kernel.errors import TargetFileError
from event_system.timeseries.collection.jobs import FileTargets, TargetGroup
from event_system.timeseries.collection.relabel import LABEL_NAME
from event_system.timeseries.collection.views import FileTally

FILE_PATH: Final = "__meta_filepath"
MOST_FILES: Final = 1000
MOST_TARGETS: Final = 10_000
"""Of all files of one `FileTargets`."""
LARGEST_FILE: Final = 4 * 1024 * 1024
_ADDRESS: Final = re.compile(r"[^\s\x00]{1,2048}")
_Stamp: TypeAlias = tuple[int, int, int]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """A file: what it was at the last look, its last good groups, what is wrong with it now."""

    stamp: _Stamp | None = None
    groups: tuple[TargetGroup, ...] = ()
    fault: str = ""

    @property
    def targets(self) -> int:
        return sum(len(addresses) for addresses, _ in self.groups)


class TargetFiles:
    """The files of some patterns. A broken one keeps its last good targets, a missing one has none.

    It is looked at in one thread at a time.
    """

    def __init__(self, wanted: FileTargets, tally: FileTally, clock: Clock) -> None:
        self._wanted = wanted
        self._tally = tally
        self._clock = clock
        self._due = clock.monotonic()
        self._files: dict[str, _Known] = {}
        self._left_out = False

    @property
    def groups(self) -> tuple[TargetGroup, ...]:
        """Of all files, in the order of their names."""
        return tuple(group for name in sorted(self._files) for group in self._files[name].groups)

    def look(self) -> None:
        """Read the files that have changed, or all of them where `refresh_seconds` are over; blocks."""
        now = self._clock.monotonic()
        every = now >= self._due
        if every:
            self._due = now + self._wanted.refresh_seconds
        names = self._names()
        for gone in self._files.keys() - set(names):
            del self._files[gone]
            self._tally.changed_seconds.pop(gone, None)
        for name in names:
            self._look_at(name, self._files.setdefault(name, _Known()), every=every)

    def _names(self) -> list[str]:
        found = {
            name
            for pattern in self._wanted.patterns
            for name in glob.iglob(pattern, include_hidden=True)  # noqa: PTH207 - absolute patterns
        }
        too_many = len(found) > MOST_FILES
        if too_many and not self._left_out:
            _log.error("%d files name targets; those after %d are left out", len(found), MOST_FILES)
        self._left_out = too_many
        return sorted(found)[:MOST_FILES]

    def _look_at(self, name: str, known: _Known, *, every: bool) -> None:
        try:
            found = os.stat(name)  # noqa: PTH116 - of thousands
            stamp = found.st_ctime_ns, found.st_size, found.st_ino
            if stamp == known.stamp and not every:
                return
            known.stamp = stamp
            known.groups = self._read(name, known)
        except (TargetFileError, OSError) as error:
            self._tally.read_errors += 1
            fault = str(error) if isinstance(error, OSError) else error.detail
            if fault != known.fault:
                _log.error("%s keeps its last good targets: %s", name, fault)
            known.fault = fault
        else:
            self._tally.changed_seconds[name] = found.st_mtime
            known.fault = ""

    def _read(self, name: str, known: _Known) -> tuple[TargetGroup, ...]:
        room = MOST_TARGETS - sum(
            each.targets for each in self._files.values() if each is not known
        )
        return read_targets(Path(name), room)


def read_targets(path: Path, most: int) -> tuple[TargetGroup, ...]:
    """The groups of a file. Raises `TargetFileError`, with the place at fault, and `OSError`."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise TargetFileError(f"the file is larger than {LARGEST_FILE} bytes")
    groups = []
    for group in _groups(_parsed(path, content), str(path)):
        most -= len(group[0])
        if most < 0:
            raise TargetFileError(f"these files name over {MOST_TARGETS} targets")
        groups.append(group)
    return tuple(groups)


def _parsed(path: Path, content: bytes) -> Any:
    try:
        if path.suffix.lower() == ".json":
            return json.loads(content)
        return yaml.load(content, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes text only
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        raise TargetFileError(f"line {line}: {error.problem}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise TargetFileError(f"it cannot be read: {str(error)[:200]}") from error


def _groups(content: Any, path: str) -> Iterator[TargetGroup]:
    """What is no target is named by its place; its text may be endless."""
    if content in (None, ""):
        return
    if not isinstance(content, list):
        raise TargetFileError("it is no list of groups")
    for number, group in enumerate(content, 1):
        if not isinstance(group, dict) or not group.keys() <= {"targets", "labels"}:
            raise TargetFileError(f"group {number} has to have `targets` and `labels`, no more")
        labels = {**_labels(group.get("labels") or {}, number), FILE_PATH: path}
        yield _targets(group.get("targets") or [], number), tuple(labels.items())


def _targets(given: Any, number: int) -> tuple[str, ...]:
    if not isinstance(given, list) or len(given) > MOST_TARGETS:
        raise TargetFileError(
            f"the targets of group {number} are no list of {MOST_TARGETS} at most"
        )
    for place, address in enumerate(given, 1):
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise TargetFileError(f"target {place} of group {number} is no address")
    return tuple(given)


def _labels(given: Any, number: int) -> dict[str, str]:
    if not isinstance(given, dict):
        raise TargetFileError(f"the labels of group {number} are no mapping")
    for place, (name, value) in enumerate(given.items(), 1):
        if not isinstance(name, str) or not LABEL_NAME.fullmatch(name):
            raise TargetFileError(f"label {place} of group {number} has no name of a label")
        if not isinstance(value, str):
            raise TargetFileError(f"label {place} of group {number} has no text as its value")
    return given
