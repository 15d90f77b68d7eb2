"""What NATS servers take at once, and what they do not."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from event_system.kernel.errors import BackboneTooLargeError
from event_system.scheduling.delayed import answer_of
from event_system.scheduling.ports import Held
from event_system.sql.dsn import Dsn
from tests.support.nats import nats_servers
from tests.support.nats_log import nats_log
from tests.support.rows import row
from tests.support.stream_log import all_ids, append, new_name

pytestmark = pytest.mark.service("postgresql")


async def test_what_is_larger_than_the_servers_take_is_refused_alone(
    dsn: Dsn, urls: tuple[str, ...]
) -> None:
    async with nats_log(dsn, urls, new_name(), max_batch=5) as log:
        large = row("large", data=b"x" * (8 * 1_048_576 - 100))
        results = await asyncio.gather(
            append(log, row("a")),
            append(log, *(row(f"many{n}") for n in range(6))),
            append(log, large),
            append(log, row("b")),
            return_exceptions=True,
        )
        assert [type(each) for each in results] == [
            *(list, BackboneTooLargeError, BackboneTooLargeError, list)
        ]
        assert log.failure is None
        assert await all_ids(log) == ["a", "b"]
        with pytest.raises(BackboneTooLargeError):
            await answer_of(partial(log.delayed.accept, [Held(large, 10**16)]))
        await append(log, row("c", data=b"x" * (8 * 1_048_576 - 20_000)))


async def test_a_batch_beyond_the_limit_of_the_servers_is_refused_by_name(
    dsn: Dsn,
) -> None:
    with nats_servers(limits="limits: { batch: { max_msgs: 10 } }") as servers:
        async with nats_log(dsn, servers.urls, new_name()) as log:
            with pytest.raises(BackboneTooLargeError, match="too large"):
                await append(log, *(row(f"e{n}") for n in range(11)))
            assert await append(log, *(row(f"e{n}") for n in range(10))) == list(range(1, 11))
