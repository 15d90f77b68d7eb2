"""Which trace a line belongs to."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.logs.context import bind_trace, bound_trace, current_trace_id, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("traceparent", "expected"),
    [
        (PARENT, TRACE),
        (f"01-{TRACE}-00f067aa0ba902b7-01-later-versions-add-parts", TRACE),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7", None),
        (f"00-{TRACE}0-00f067aa0ba902b7-01", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_id_is_the_second_part_of_a_traceparent(
    traceparent: str | None, expected: str | None
) -> None:
    assert trace_id(traceparent) == expected


@given(st.text(max_size=80))
def test_what_is_no_traceparent_has_no_trace_id(text: str) -> None:
    found = trace_id(text)

    assert found is None or found in text


async def test_each_task_has_the_trace_that_it_bound() -> None:
    async def handle(number: int) -> str | None:
        bind_trace(f"00-{number:032x}-00f067aa0ba902b7-01")
        await asyncio.sleep(0)
        return current_trace_id()

    found = await asyncio.gather(*(handle(number) for number in range(5)))

    assert found == [f"{number:032x}" for number in range(5)]
    assert current_trace_id() is None


async def test_binding_none_ends_a_trace() -> None:
    bind_trace(PARENT)
    assert bound_trace() == PARENT

    bind_trace(None)

    assert (bound_trace(), current_trace_id()) == (None, None)
