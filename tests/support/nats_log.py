"""Logs with a stream on NATS servers of a test's own in front of a database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.nats.connection import Access, Connection
from event_system.eventlog.nats.stream import JetStream
from event_system.sql.dsn import Dsn
from tests.support.stream_log import stream_log


def nats_log(
    dsn: Dsn, urls: Sequence[str], name: str, *, max_batch: int = 1_000, keep_us: int = 10**12
) -> AbstractAsyncContextManager[StreamEventLog]:
    stream = JetStream(Connection(Access(tuple(urls))), name, replicas=1)
    return stream_log(dsn, stream, max_batch=max_batch, keep_us=keep_us)
