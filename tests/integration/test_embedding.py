"""`EventSystem` inside another program, over a real data directory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event_system import EventSystem
from event_system.kernel.errors import (
    IdempotencyConflictError,
    IdempotencyKeyError,
    PreconditionError,
    PreconditionFailedError,
)


async def test_an_idempotency_key_makes_a_call_repeatable_across_restarts(tmp_path: Path) -> None:
    async with EventSystem(tmp_path) as es:
        first = await es.trigger("a", {"n": 1}, idempotency_key="k")
    async with EventSystem(tmp_path) as es:
        again = await es.trigger("a", {"n": 1}, idempotency_key="k")
        with pytest.raises(IdempotencyConflictError):
            await es.trigger("a", {"n": 2}, idempotency_key="k")
        with pytest.raises(IdempotencyKeyError):
            await es.trigger("a", idempotency_key="")

    assert (first.id, first.duplicate) == ("idem:k", False)
    assert (again.offset, again.duplicate) == (first.offset, True)


async def test_a_batch_with_a_key_can_be_sent_again(tmp_path: Path) -> None:
    events = [{"type": "a"}, {"type": "a", "id": "own"}]
    async with EventSystem(tmp_path) as es:
        first = await es.trigger_batch(events, idempotency_key="k")
        again = await es.trigger_batch(events, idempotency_key="k")

    assert [r.id for r in first] == ["idem-batch:k/0", "own"]
    assert [r.offset for r in again] == [r.offset for r in first]
    assert all(r.duplicate for r in again)


async def test_an_expected_offset_guards_a_subject(tmp_path: Path) -> None:
    async with EventSystem(tmp_path) as es:
        first = await es.trigger("a", subject="p", expected_offset=0)
        second = await es.trigger("a", subject="p", expected_offset=first.offset)
        with pytest.raises(PreconditionFailedError) as caught:
            await es.trigger("a", subject="p", expected_offset=first.offset)
        with pytest.raises(PreconditionError):
            await es.trigger("a", expected_offset=0)
        assert await es.last_offset("p") == second.offset
        assert await es.last_offset("q") == 0

    assert caught.value.last_offset == second.offset


async def test_a_key_stands_for_one_event_that_waits(tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    async with EventSystem(tmp_path) as es:
        first = await es.trigger("a", 1, deliver_at=later, idempotency_key="k")
        again = await es.trigger("a", 1, deliver_at=later, idempotency_key="k")
        assert (again.id, again.duplicate) == (first.id, True)
        with pytest.raises(IdempotencyConflictError, match="that waits has another data"):
            await es.trigger("a", 2, deliver_at=later, idempotency_key="k")
