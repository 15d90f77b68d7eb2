"""Writes the build time into the package, for `event-system --version`.

The module `event_system/_build.py` is made for wheels, source distributions and editable
installs alike, and is not tracked. `SOURCE_DATE_EPOCH` makes a build reproducible.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "src/event_system/_build.py"


class BuildTimeHook(BuildHookInterface[Any]):
    """Called by hatchling before each build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        Path(self.root, TARGET).write_text(_module(_build_time()), encoding="utf-8")


def _build_time() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(epoch) if epoch else None))


def _module(built: str) -> str:
    return f'"""When this copy was built (UTC)."""\n\nBUILD_TIME = "{built}"\n'
