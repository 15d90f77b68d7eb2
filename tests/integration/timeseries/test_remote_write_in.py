"""Requests of remote write that come in at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from event_system.kernel.errors import RemoteWriteBusyError
from event_system.metrics.manager import MetricsManager
from event_system.node.configuration import load_settings
from event_system.node.time_series import MOST_WAITING, TimeSeries
from event_system.timeseries.remote.wire import encoded
from tests.support.series import BASE_MS, StoreClock, contents, labels


def request(number: int) -> bytes:
    return encoded([labels("x", n=str(number))], np.array([BASE_MS]), np.array([1.0]))


async def test_requests_are_read_in_turn_and_past_a_number_told_to_wait(tmp_path: Path) -> None:
    settings = load_settings(None, {}, {"data_dir": str(tmp_path)}).settings
    series = await TimeSeries.open(settings, MetricsManager(), StoreClock())
    with series.store._writing:  # as where the disk is slow
        waiting = [asyncio.create_task(series.write(request(n))) for n in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(RemoteWriteBusyError):
            await series.write(request(99))
        waiting[0].cancel()  # its thread goes on
        waiting[1].cancel()  # it never begins
        await asyncio.wait(waiting[:2])
    await asyncio.gather(*waiting[2:])
    await series.write(request(99))

    stored = {dict(each)["n"] for each in contents(series.store)}
    assert stored >= {str(n) for n in [*range(2, MOST_WAITING), 99]}
    await series.close()
