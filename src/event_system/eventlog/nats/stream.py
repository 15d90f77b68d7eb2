"""The stream that the events of a log come in through.

A commit is an atomic batch (ADR-50 of NATS) with the sequence that it expects to follow: the
servers take all of it or nothing, and only if nobody else has appended meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from nats.aio.msg import Msg

from event_system.eventlog.backbone.opening import check_ends, check_owner, gone
from event_system.eventlog.backbone.stream import Found, MovedError
from event_system.eventlog.nats import wire
from event_system.eventlog.nats.config import OWNER, check_config, drift, wanted
from event_system.eventlog.nats.connection import Connection
from event_system.eventlog.nats.wire import Info, Message, foreign
from event_system.eventlog.sql.facts import Facts
from event_system.events.event import Row
from event_system.kernel.errors import (
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
    StorageError,
)

PAGE = 1_000
PAGE_BYTES = 16_777_216
HEADROOM_BYTES = 1_024
"""What a message's headers may take of `max_payload`."""

NAMES_BYTES = 16_384
"""More than all that an event has besides data and extensions takes."""

_NOT_FOUND, _WRONG_LAST = 10059, (10071, 10164)
_BATCH_TOO_LARGE, _MESSAGE_TOO_LARGE = 10199, 10054
_PASSING = (10008, 10009, 10176, 10210, 10211)
"""No leader or not enough of the cluster; a batch of which a part was lost; too many at once."""
_log = logging.getLogger(__name__)


class JetStream:
    """Implements `eventlog.backbone.stream.Stream`: an event's sequence is its offset.

    `replicas` counts when the stream is made.
    """

    def __init__(self, connection: Connection, name: str, replicas: int = 3) -> None:
        self.name = name
        self.weakness: str | None = None
        self._connection = connection
        self._replicas = replicas
        self._lanes = 1

    async def open(self, facts: Facts) -> None:
        self._lanes = facts.lanes
        found = await self.info()
        if found is None:
            if facts.backbone is not None:
                raise gone(self.name, facts)
            owner = str(facts.identity)
            found = await self._api(
                "CREATE", wanted(self.name, self._replicas, facts.head + 1, owner)
            )
        if found is None or found.config is None or found.state is None:
            raise BackboneUnreachableError(f"the stream {self.name} says nothing of itself")
        check_owner(self.name, found.config.metadata.get(OWNER), facts)
        check_ends(self.name, found.state.first_seq, found.state.last_seq, facts)
        check_config(self.name, found.config)
        self.weakness = drift(found.config, self._replicas)

    async def info(self) -> Info | None:
        """Its configuration and state; None where there is none of this name.

        Raises `BackboneRefusedError`.
        """
        return await self._api("INFO")

    async def last(self) -> int:
        found = await self.info()
        if found is None or found.state is None:
            raise BackboneUnreachableError(f"the stream {self.name} is gone")
        return found.state.last_seq

    def place(self, offset: int) -> int | None:
        return None

    def check(self, row: Row) -> None:
        most = self._connection.max_payload - HEADROOM_BYTES
        if len(row[14] or b"") + len(row[13] or b"") + NAMES_BYTES <= most or most <= 0:
            return
        if (size := len(wire.encode(row))) > most:
            raise BackboneTooLargeError(
                f"an event of {size} bytes; with its headers it has to fit into the servers' "
                f"max_payload of {self._connection.max_payload}"
            )

    async def append(self, rows: Sequence[Row], expected: int, commit: str) -> None:
        last = len(rows)
        for number, row in enumerate(rows, 1):
            headers = {wire.EXPECTED: str(expected)} if number == 1 else {}
            if last == 1:
                headers[wire.COMMIT] = commit
            else:
                headers |= {wire.BATCH: commit, wire.BATCH_SEQUENCE: str(number)}
            subject, payload = wire.subject_of(self.name, row), wire.encode(row)
            if number < last:
                await self._connection.publish(subject, payload, headers)
                continue
            if last > 1:
                headers[wire.BATCH_COMMIT] = "1"
            answer = await self._connection.request(subject, payload, headers)
            _check(answer, expected + last)

    async def after(self, offset: int) -> list[Found]:
        # Any of the stream's servers may answer, also one that lags a little behind.
        wanted = {"seq": offset + 1, "batch": PAGE, "max_bytes": PAGE_BYTES}
        found: list[Message] = []

        def take(message: Msg) -> bool:
            headers = message.headers or {}
            if wire.SEQUENCE not in headers:
                _check_status(headers)
                return True
            found.append(wire.decode(headers, message.data))
            return False

        subject = f"$JS.API.DIRECT.GET.{self.name}"
        await self._connection.collect(subject, msgspec.json.encode(wanted), take)
        for expected, each in enumerate(found, offset + 1):
            if each.offset != expected:
                raise StorageError(
                    f"the stream {self.name} holds no event {expected}, but event {each.offset}"
                )
        return [Found(each.commit, [each.row or self._foreign(each)]) for each in found]

    def _foreign(self, message: Message) -> Row:
        _log.warning("message %d of the stream is no event of ours", message.offset)
        return foreign(message, self._lanes)

    async def purge(self, below: int) -> None:
        await self._api("PURGE", {"seq": below})

    async def close(self) -> None:
        await self._connection.close()

    async def _api(self, verb: str, wanted: dict[str, Any] | None = None) -> Info | None:
        payload = b"" if wanted is None else msgspec.json.encode(wanted)
        answer = await self._connection.request(f"$JS.API.STREAM.{verb}.{self.name}", payload)
        read = wire.read_info(answer.data)
        if read.error is None:
            return read
        if read.error.err_code == _NOT_FOUND:
            return None
        told = read.error.description
        if read.error.code == 503 or read.error.err_code in _PASSING:
            raise BackboneUnreachableError(f"the backbone does not answer: {told}")
        raise BackboneRefusedError(f"stream {self.name}: {told}", where="backbone.stream")


def _check(answer: Msg, expected: int) -> None:
    """Raise what the answer to a commit says went wrong."""
    try:
        ack = wire.read_ack(answer.data)
    except msgspec.DecodeError as error:
        raise BackboneUnreachableError("the answer to a commit cannot be read") from error
    if (failure := ack.error) is None:
        if ack.seq != expected:
            raise StorageError(f"events are at {ack.seq} in the stream, not at {expected}")
        return
    told = failure.description
    if failure.err_code in _WRONG_LAST:
        raise MovedError
    if failure.err_code in (_BATCH_TOO_LARGE, _MESSAGE_TOO_LARGE):
        raise BackboneTooLargeError(f"the servers refuse: {told}")
    if failure.code == 503 or failure.err_code in _PASSING:
        raise BackboneUnreachableError(f"the backbone does not answer: {told}")
    raise StorageError(f"the backbone refuses: {told}")


def _check_status(headers: dict[str, str]) -> None:
    """The end of what was found: 204 after something, 404 where there is nothing."""
    status = headers.get(wire.STATUS)
    if status not in ("204", "404"):
        told = headers.get("Description", "no description")
        raise BackboneUnreachableError(f"the stream cannot be read: {status} {told}")
