"""Two nodes on one database, and an operator on each: no change is lost, all are seen everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from event_system.events.catalogue.catalogue import Change
from event_system.events.catalogue.entry import EntryDraft, VersionDraft
from event_system.kernel.errors import (
    ScheduleConflictError,
    ScheduleNotFoundError,
    TypeChangedError,
    TypeConflictError,
    TypeNotFoundError,
)
from event_system.node.core import Core
from event_system.scheduling.schedule import Schedule, Template
from tests.support.cores import core_on
from tests.support.sql import SharedDatabases
from tests.support.waiting import until

ANY_TIME = Change()
OBJECT = {"type": "object"}

pytestmark = pytest.mark.service("postgresql")


@pytest.fixture
async def cores(tmp_path: Path, databases: SharedDatabases) -> AsyncIterator[tuple[Core, Core]]:
    dsn = databases.emptied("postgresql")
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(core_on(dsn, tmp_path / "one"))
        two = await stack.enter_async_context(core_on(dsn, tmp_path / "two"))
        yield one, two


def yearly(type_: str = "tick") -> Schedule:
    return Schedule(cron="0 0 1 1 *", event=Template(type_))


async def test_of_two_changes_of_a_type_the_second_is_refused_and_sees_the_first(
    cores: tuple[Core, Core],
) -> None:
    one, two = (core.catalogue for core in cores)
    await one.put("a.b", EntryDraft(owner="one", schema=OBJECT), ANY_TIME)
    with pytest.raises(TypeConflictError, match="revision 1"):
        await two.put("a.b", EntryDraft(owner="two"), ANY_TIME)
    assert two.get("a.b") == one.get("a.b")

    changed = await two.put("a.b", EntryDraft(owner="two"), ANY_TIME)

    assert (changed.revision, len(changed.versions)) == (2, 1)
    await until(lambda: one.get("a.b") == changed)


async def test_a_type_is_changed_over_another_node_than_it_was_looked_at(
    cores: tuple[Core, Core],
) -> None:
    one, two = (core.catalogue for core in cores)
    seen = await one.put("a.b", EntryDraft(schema=OBJECT), ANY_TIME)

    changed = await two.put("a.b", EntryDraft(owner="x"), Change(seen.revision))
    with pytest.raises(TypeChangedError):
        await one.put("a.b", EntryDraft(owner="y"), Change(seen.revision))
    extended = await one.add_version("a.b", VersionDraft(OBJECT), Change(changed.revision))
    with pytest.raises(TypeConflictError):
        await two.delete("a.b", ANY_TIME)
    await two.delete("a.b", ANY_TIME)
    with pytest.raises(TypeConflictError, match="deleted"):
        await one.put("a.b", EntryDraft(), ANY_TIME)

    assert (extended.owner, extended.revision) == ("x", 3)
    assert one.find("a.b") is None


async def test_a_type_that_was_just_made_elsewhere_is_known(cores: tuple[Core, Core]) -> None:
    one, two = (core.catalogue for core in cores)
    for name in ("a.b", "a.c"):
        await one.put(name, EntryDraft(schema=OBJECT), ANY_TIME)

    extended = await two.add_version("a.b", VersionDraft(OBJECT), ANY_TIME)
    await two.delete("a.c", ANY_TIME)

    assert extended.current == 2
    with pytest.raises(TypeNotFoundError):
        await two.delete("a.c", ANY_TIME)


async def test_of_two_changes_of_a_schedule_the_second_is_refused_and_sees_the_first(
    cores: tuple[Core, Core],
) -> None:
    one, two = (core.schedules for core in cores)
    await one.put("tax", yearly("one"))
    await until(lambda: two.all() == one.all())

    wants = [one.put("tax", yearly("two")), two.put("tax", yearly("three"))]
    made, refused = await asyncio.gather(*wants, return_exceptions=True)

    if isinstance(made, Exception):
        made, refused = refused, made
    assert isinstance(refused, ScheduleConflictError)
    assert one.get("tax") == two.get("tax") == made


async def test_a_schedule_that_was_just_made_elsewhere_is_known(cores: tuple[Core, Core]) -> None:
    one, two = (core.schedules for core in cores)
    made = await one.put("tax", yearly())

    assert await two.put("tax", yearly()) == made
    assert await two.delete("tax") == made
    with pytest.raises(ScheduleConflictError, match="deleted"):
        await one.put("tax", yearly("other"))
    with pytest.raises(ScheduleNotFoundError):
        await one.delete("tax")


async def test_a_schedule_that_changed_elsewhere_is_not_taken_for_what_it_was(
    cores: tuple[Core, Core],
) -> None:
    one, two = (core.schedules for core in cores)
    await one.put("tax", yearly("one"))
    await until(lambda: two.all() == one.all())
    await one.put("tax", yearly("two"))

    with pytest.raises(ScheduleConflictError):
        await two.put("tax", yearly("one"))

    assert two.get("tax").definition == yearly("two")
