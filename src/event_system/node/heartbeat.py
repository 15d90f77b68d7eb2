"""A ping to an outside service while alerting works, so that it notices when it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from event_system.kernel.threads import in_thread

TIMEOUT_SECONDS: Final = 20.0
_log = logging.getLogger(__name__)


class Heartbeat:
    """Asks `url` with GET every so many seconds, while `is_well`. `beats` counts what was heard."""

    def __init__(self, url: str, interval: float, is_well: Callable[[], bool]) -> None:
        self._url = url
        self._interval = interval
        self._is_well = is_well
        self.beats = 0
        self.failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with await in_thread(_client) as client:
            while True:
                if self._is_well():
                    await self._beat(client)
                await asyncio.sleep(self._interval)

    async def _beat(self, client: Any) -> None:
        """What fails is told by its host: the path is a secret."""
        import httpx

        try:
            answer = await client.get(self._url)
            answer.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            self.failures += 1
            told = f"{urlsplit(self._url).hostname}: {type(error).__name__}"
            _log.warning("the heartbeat is not heard: %s", told)
        else:
            self.beats += 1


def _client() -> Any:
    import httpx  # 7 MiB that only those need who have such a service

    from event_system.alerting.channels.http import load_httpx

    load_httpx()
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
