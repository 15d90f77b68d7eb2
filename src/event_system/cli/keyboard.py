"""Single keys of a terminal, without Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from types import TracebackType
from typing import Any


class Keyboard:
    """A context manager; where standard input is no terminal, no key is ever pressed."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] = []

    def __enter__(self) -> Keyboard:
        if self._file is not None:
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> str | None:
        """The key that is pressed within this time."""
        if self._file is None:
            time.sleep(seconds)
            return None
        ready, _, _ = select.select([self._file], [], [], seconds)
        if not ready:
            return None
        pressed = os.read(self._file, 1)
        if not pressed:  # the terminal has gone
            self._file = None
        return pressed.decode("ascii", "replace")
