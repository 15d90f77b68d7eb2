"""What every `CatalogueStore` promises, over each implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sqlite.catalogue import CATALOGUE_FILE, SqliteCatalogue
from event_system.events.catalogue.changes import declared, renewed
from event_system.events.catalogue.entry import TypeEntry
from event_system.events.ports import CatalogueStore
from event_system.kernel.errors import DamagedFileError, TypeConflictError
from tests.support.memory_catalogue import MemoryCatalogue
from tests.support.sql import ENGINES, SharedDatabases, opened

Open: TypeAlias = Callable[[Path], CatalogueStore]
STORES: dict[str, Open] = {
    "memory": lambda directory: MemoryCatalogue(),
    "sqlite": SqliteCatalogue,
}


@pytest.fixture(params=[*STORES, *ENGINES])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[CatalogueStore]:
    if request.param in STORES:
        yield STORES[request.param](tmp_path)
        return
    async with opened(databases.fresh(request.param)) as database:
        yield ServerCatalogue(database)


def entry(name: str, owner: str = "team") -> TypeEntry:
    """With everything that an entry can have."""
    value = {
        "owner": owner,
        "description": "Ein Übungstyp",
        "enabled": False,
        "mode": "lenient",
        "deprecated": {"message": "old", "since": "2026-11-21", "replacement": "b.c"},
        "rate_limit": {"per_second": 2.5, "burst": 10},
        "max_size": 1000,
        "versions": [{"schema": {"type": "object"}, "note": "first"}, {"schema": True}],
        "current": 1,
    }
    return renewed(declared(name, value, "api"), None, 1_700_000_000_000_000)


async def test_what_was_put_is_loaded_whole_and_ordered(store: CatalogueStore) -> None:
    for name in ("b.b", "a.a"):
        await store.put(entry(name), None)

    assert store.load() == [entry("a.a"), entry("b.b")]


async def test_a_second_put_replaces(store: CatalogueStore) -> None:
    await store.put(entry("a.a"), None)
    await store.put(entry("a.a", owner="others"), entry("a.a"))

    assert [each.owner for each in store.load()] == ["others"]


async def test_names_that_look_alike_are_types_of_their_own(store: CatalogueStore) -> None:
    for name in ("a.a", "A.a", "a.A", "a.a_"):
        await store.put(entry(name), None)
    await store.delete(entry("a.A"))

    assert [each.name for each in store.load()] == ["A.a", "a.a", "a.a_"]


async def test_delete_forgets(store: CatalogueStore) -> None:
    await store.put(entry("a.a"), None)
    await store.delete(entry("a.a"))

    assert store.load() == []


async def test_what_was_changed_meanwhile_is_not_changed_nor_deleted(store: CatalogueStore) -> None:
    before, after = entry("a.a"), entry("a.a", owner="others")
    await store.put(before, None)
    await store.put(after, before)

    for change in (store.put(entry("a.a"), before), store.put(entry("a.a"), None)):
        with pytest.raises(TypeConflictError):
            await change
    with pytest.raises(TypeConflictError):
        await store.delete(before)

    assert store.load() == [after]


async def test_what_was_deleted_meanwhile_stays_so(store: CatalogueStore) -> None:
    before = entry("a.a")
    await store.put(before, None)
    await store.delete(before)

    for change in (store.put(before, before), store.delete(before)):
        with pytest.raises(TypeConflictError, match="deleted"):
            await change

    assert store.load() == []


async def test_of_changes_at_the_same_time_one_is_made(store: CatalogueStore) -> None:
    wanted = [entry("a.a", owner=f"team {number}") for number in range(8)]

    changes = (store.put(each, None) for each in wanted)
    done = await asyncio.gather(*changes, return_exceptions=True)

    made = [each for each, error in zip(wanted, done, strict=True) if error is None]
    assert store.load() == made
    assert len(made) == 1
    assert all(error is None or isinstance(error, TypeConflictError) for error in done)


@pytest.mark.parametrize("engine", ENGINES)
async def test_who_shares_a_catalogue_sees_that_it_has_changed(
    engine: str, databases: SharedDatabases
) -> None:
    async with opened(databases.fresh(engine)) as database:
        one, two = ServerCatalogue(database), ServerCatalogue(database)
        for store in (one, two):
            store.load()
            assert not await store.has_changed()
        await one.put(entry("a.a"), None)
        assert await two.has_changed()
        two.load()
        assert not await two.has_changed()
        await one.delete(entry("a.a"))
        assert await two.has_changed()


async def test_a_file_that_is_no_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE_FILE).write_bytes(b"no database" * 1000)

    with pytest.raises(DamagedFileError, match=CATALOGUE_FILE):
        SqliteCatalogue(tmp_path).load()
