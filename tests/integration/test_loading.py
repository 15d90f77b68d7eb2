"""What a node does without until it listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import UnavailableError
from event_system.metrics.manager import MetricsManager
from event_system.node.configuration import load_settings
from event_system.node.watching import Watching

LATE = (
    *("litestar", "httpx", "numpy", "promql_parser", "event_system.timeseries.store"),
    *("cel_expr_python", "jsonschema_rs"),
)


def test_what_is_not_needed_to_listen_is_loaded_later() -> None:
    ask = f"import event_system.node.lifecycle, sys; print({{*{LATE}}} & {{*sys.modules}})"
    found = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)

    assert found.stdout.strip() == "set()"


async def test_who_asks_for_series_before_they_are_open_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    settings = load_settings(None, {}, {"data_dir": str(tmp_path)}).settings
    watching = Watching(settings, (), MetricsManager(), SystemClock())

    for asked in (watching.view, watching.remote_write):
        with pytest.raises(UnavailableError, match="being opened"):
            asked()
    await watching.open()
    found = watching.view(), watching.remote_write()
    await watching.close()

    assert None not in found


async def test_a_node_that_is_to_have_no_series_says_so_from_the_start(tmp_path: Path) -> None:
    off = {"data_dir": str(tmp_path), "metrics.store.enabled": False}
    watching = Watching(load_settings(None, {}, off).settings, (), MetricsManager(), SystemClock())

    before = watching.view(), watching.remote_write()
    await watching.open()
    after = watching.view(), watching.remote_write()
    await watching.close()

    assert (before, after) == ((None, None), (None, None))
