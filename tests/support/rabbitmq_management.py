"""A RabbitMQ of a test's own with the management plugin, on free ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.rabbit_server import rabbit_server
from tests.support.waiting import wait_until
from tools.ports import free_port

_CONFIG = """
management.tcp.ip = 127.0.0.1
management.tcp.port = {web}
collect_statistics_interval = 1000
"""


@contextmanager
def rabbitmq_management() -> Iterator[str]:
    """The address of the management API, with user and password; all is gone in the end."""
    web = free_port()
    url = f"http://guest:guest@127.0.0.1:{web}"
    with rabbit_server(_CONFIG.format(web=web), "rabbitmq_management"):
        wait_until(lambda: _answers(url))
        yield url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/overview", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False
