"""What every `CatalogueStore` promises, over each implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sqlite.catalogue import CATALOGUE_FILE, SqliteCatalogue
from event_system.events.catalogue.changes import declared, renewed
from event_system.events.catalogue.entry import TypeEntry
from event_system.events.ports import CatalogueStore
from event_system.kernel.errors import DamagedFileError
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
        await store.put(entry(name))

    assert store.load() == [entry("a.a"), entry("b.b")]


async def test_a_second_put_replaces(store: CatalogueStore) -> None:
    await store.put(entry("a.a"))
    await store.put(entry("a.a", owner="others"))

    assert [each.owner for each in store.load()] == ["others"]


async def test_names_that_look_alike_are_types_of_their_own(store: CatalogueStore) -> None:
    for name in ("a.a", "A.a", "a.A", "a.a_"):
        await store.put(entry(name))
    await store.delete("a.A")

    assert [each.name for each in store.load()] == ["A.a", "a.a", "a.a_"]


async def test_delete_forgets_and_may_be_repeated(store: CatalogueStore) -> None:
    await store.put(entry("a.a"))
    for _ in range(2):
        await store.delete("a.a")

    assert store.load() == []


async def test_a_file_that_is_no_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE_FILE).write_bytes(b"no database" * 1000)

    with pytest.raises(DamagedFileError, match=CATALOGUE_FILE):
        SqliteCatalogue(tmp_path).load()
