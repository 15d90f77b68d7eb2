"""Writes the build time into the package, for `event-system --version`, and bundles `/rum.js`.

A wheel gets the alerting rules that are shipped, too; a checkout has them where they are made.

The module `event_system/_build.py` is made for wheels, source distributions and editable
installs alike, and is not tracked. `SOURCE_DATE_EPOCH` makes a build reproducible. An editable
install leaves the script for browsers to make, which builds it when it is wanted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "src/event_system/_build.py"
RULES = "deploy/prometheus/rules"
RULES_IN_WHEEL = "event_system/rules/shipped"


class BuildTimeHook(BuildHookInterface[Any]):
    """Called by hatchling before each build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        Path(self.root, TARGET).write_text(_module(_build_time()), encoding="utf-8")
        if self.target_name == "wheel" and version != "editable":
            build_data["force_include"].update(
                {
                    str(file): f"{RULES_IN_WHEEL}/{file.name}"
                    for file in sorted(Path(self.root, RULES).glob("*.yml"))
                }
            )
        if version != "editable" and Path(self.root, "tools", "rum.py").exists():
            subprocess.run([sys.executable, "-m", "tools.rum"], cwd=self.root, check=True)


def _build_time() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(epoch) if epoch else None))


def _module(built: str) -> str:
    return f'"""When this copy was built (UTC)."""\n\nBUILD_TIME = "{built}"\n'
