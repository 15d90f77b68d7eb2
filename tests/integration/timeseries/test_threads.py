"""Time series where others hold all threads of the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from event_system.kernel.clock import SystemClock
from event_system.metrics.manager import MetricsManager
from event_system.node.configuration import load_settings
from event_system.node.time_series import TimeSeries
from tests.support.waiting import PATIENCE_SECONDS


async def test_a_store_opens_fills_and_closes_without_a_thread_of_the_loop(tmp_path: Path) -> None:
    settings = load_settings(None, {}, {"data_dir": str(tmp_path)}).settings
    manager, free = MetricsManager(), threading.Event()
    manager.register_gauge("x", "A gauge.")
    manager.set_gauge("x", 1)
    threads = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(threads)
    held = loop.run_in_executor(None, free.wait)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            series = await TimeSeries.open(settings, manager, SystemClock())
            series.start()
            while not series.store.tally.appended:
                await asyncio.sleep(0.005)
            await series.close()
    finally:
        free.set()
        await held
        threads.shutdown()
