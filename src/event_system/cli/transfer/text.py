"""A file of text as lines, whether packed or not."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import zstandard

from event_system.cli.transfer.packing import unpacked
from event_system.kernel.errors import TransferFileError


def text_lines(path: Path) -> Iterator[str]:
    """The lines, line ends included. Raises `TransferFileError`."""
    try:
        with (
            path.open("rb", buffering=0) as file,
            unpacked(file) as content,
            io.TextIOWrapper(content, encoding="utf-8", newline="\n") as text,
        ):
            yield from text
    except UnicodeDecodeError as error:
        raise TransferFileError(f"{path} is no UTF-8: {error.reason}") from error
    except OSError as error:
        raise TransferFileError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise TransferFileError(f"{path}: {error}") from error
