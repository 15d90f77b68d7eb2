"""The log with an event backbone in front of the database, opened as the settings say."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.backbone.settings import StreamSettings
from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.sql.writer import OnCommit
from event_system.kernel.clock import Clock
from event_system.kernel.errors import BackboneRefusedError, BackboneUnreachableError
from event_system.node.backbone_settings import BackboneSettings, BackboneTls
from event_system.node.settings import EventSettings
from event_system.node.stores import SECOND_US
from event_system.sql.database import Database

KAFKA_PORT = 9092
LOOK_SECONDS = 0.5
_log = logging.getLogger(__name__)


async def open_stream_log(
    database: Database,
    settings: BackboneSettings,
    event: EventSettings,
    *,
    clock: Clock,
    on_commit: OnCommit,
) -> StreamEventLog:
    """The log; its connection is closed when it is stopped.

    Waits up to `backbone.wait` for servers that do not answer yet. Raises `BackboneRefusedError`,
    `BackboneMismatchError` and `StorageError`.
    """
    stream = _STREAMS[settings.kind](settings)
    how = _stream_settings(settings, event)
    until = clock.monotonic() + settings.wait.total_seconds()
    try:
        while True:
            try:
                return await StreamEventLog.open(
                    database, stream, how, clock=clock, on_commit=on_commit
                )
            except BackboneUnreachableError as error:
                if clock.monotonic() >= until:
                    raise
                _log.warning("waiting for the backbone: %s", error)
                await asyncio.sleep(LOOK_SECONDS)
    except BaseException:
        await stream.close()
        raise


def _stream_settings(settings: BackboneSettings, event: EventSettings) -> StreamSettings:
    return StreamSettings(
        lanes=event.lanes,
        dedupe_window_us=int(event.dedupe_window.total_seconds() * SECOND_US),
        poll_seconds=settings.poll_interval.total_seconds(),
        max_batch=settings.max_batch,
        keep_us=int(settings.keep.total_seconds() * SECOND_US),
        patience_seconds=settings.patience.total_seconds(),
    )


def _nats(settings: BackboneSettings) -> Stream:
    from event_system.eventlog.nats.connection import Access, Connection
    from event_system.eventlog.nats.stream import JetStream

    credentials = settings.credentials_file
    if credentials is not None and not Path(credentials).is_file():
        raise BackboneRefusedError(
            f"there is no file {credentials}", where="backbone.credentials_file"
        )
    access = Access(
        urls=tuple(settings.urls),
        user=settings.user,
        password=_password(settings),
        credentials=None if credentials is None else Path(credentials),
        tls=_tls(settings.tls),
    )
    return JetStream(Connection(access), settings.stream, settings.replicas)


def _kafka(settings: BackboneSettings) -> Stream:
    from event_system.eventlog.kafka.connection import Access, Connection
    from event_system.eventlog.kafka.topic import KafkaTopic

    addresses = [urlsplit(url) for url in settings.urls]
    tls = _tls(settings.tls)
    if tls is None and addresses[0].scheme == "kafkas":
        tls = ssl.create_default_context()
    access = Access(
        servers=tuple((each.hostname or "", each.port or KAFKA_PORT) for each in addresses),
        user=settings.user,
        password=_password(settings),
        mechanism=settings.sasl_mechanism,
        tls=tls,
    )
    return KafkaTopic(Connection(access), settings.stream, settings.replicas)


def _rabbitmq(settings: BackboneSettings) -> Stream:
    from event_system.eventlog.rabbitmq.connection import Access, Brokers
    from event_system.eventlog.rabbitmq.stream import RabbitStream

    user, password = settings.user, _password(settings) or ""
    access = Access(
        urls=tuple(settings.urls),
        user="guest" if user is None else user,
        password="guest" if user is None else password,
        tls=_tls(settings.tls),
    )
    return RabbitStream(
        Brokers(access),
        settings.stream,
        replicas=settings.replicas,
        keep_us=int(settings.keep.total_seconds() * SECOND_US),
    )


_STREAMS: Mapping[str, Callable[[BackboneSettings], Stream]] = {
    "kafka": _kafka,
    "nats": _nats,
    "rabbitmq": _rabbitmq,
}


def _password(settings: BackboneSettings) -> str | None:
    return None if settings.password is None else settings.password.get_secret_value()


def _tls(settings: BackboneTls) -> ssl.SSLContext | None:
    """What the files say; None where none is named. Raises `BackboneRefusedError`."""
    if settings.ca_file is None and settings.cert_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # ssl's own errors are
        raise BackboneRefusedError(f"certificates: {error}", where="backbone.tls") from error
    return context


def nats_options(settings: BackboneSettings) -> dict[str, Any]:
    """What nats-py's `connect` takes to reach these servers. Raises `BackboneRefusedError`."""
    return {
        "servers": list(settings.urls),
        "name": "event-system-metrics",
        "user": settings.user,
        "password": _password(settings),
        "user_credentials": settings.credentials_file,
        "tls": _tls(settings.tls),
    }
