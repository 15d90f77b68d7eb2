"""How far a transfer has come, remembered in a small file beside its file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import msgspec

from event_system.kernel.errors import TransferFileError


class ExportPosition(msgspec.Struct, tag="export", tag_field="kind"):
    """Events up to the offset `after` are in the first `bytes` of the file.

    `query` is the node's address and the filters.
    """

    query: dict[str, str]
    after: int = 0
    bytes: int = 0
    events: int = 0


class ImportPosition(msgspec.Struct, tag="import", tag_field="kind"):
    """All up to `line`, which ends at byte `end` of the unpacked file, is done.

    `query` is the node's address and what else the stored events depend on. The first
    `rejects_bytes` of the file of rejected lines are from these lines.
    """

    query: dict[str, str]
    line: int = 0
    end: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    rejects_bytes: int = 0


Position: TypeAlias = ExportPosition | ImportPosition
P = TypeVar("P", bound=Position)
_decoder = msgspec.json.Decoder(Position)


class PositionFile(Generic[P]):
    """The position of the transfer to or from `path`; replaced at once or not at all."""

    def __init__(self, path: Path, new: P) -> None:
        self._path = path.with_name(path.name + ".progress")
        self.position: P = new
        self.found = False

    def load(self) -> None:
        """Take up the position of an interrupted transfer, where there is one.

        Raises `TransferFileError` where it is another transfer's, or cannot be read.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise TransferFileError(f"{self._path}: {error.strerror}") from error
        self.position = self._checked(text)
        self.found = True

    def _checked(self, text: bytes) -> P:
        try:
            known = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._not_ours(f"cannot be read ({error})") from error
        if not isinstance(known, type(self.position)):
            raise self._not_ours(f"belongs to an unfinished {known.__struct_config__.tag}")
        if known.query != self.position.query:
            raise self._not_ours(f"belongs to an unfinished one with {_shown(known.query)}")
        return known

    def _not_ours(self, why: str) -> TransferFileError:
        return TransferFileError(
            f"{self._path} {why}: finish that one, or remove this file to begin anew"
        )

    def save(self) -> None:
        """Make the position durable."""
        temporary = self._path.with_name(self._path.name + ".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(self.position))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        sync_directory(self._path.parent)

    def remove(self) -> None:
        """Forget the position: the transfer is complete."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        sync_directory(self._path.parent)


def _shown(query: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(query.items())) or "no filters"


def sync_directory(directory: Path) -> None:
    """Make new and removed names of a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
