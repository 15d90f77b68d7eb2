"""The catalogue: how entries change, and what is in force."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from event_system.events.catalogue import changes
from event_system.events.catalogue.catalogue import Catalogue, Change
from event_system.events.catalogue.changes import declared
from event_system.events.catalogue.entry import EntryDraft, RateLimit, TypeEntry, VersionDraft
from event_system.events.codec import Draft
from event_system.events.limits import Rate
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import (
    IncompatibleSchemaError,
    InvalidTypeError,
    ReadOnlyTypeError,
    SchemaMismatchError,
    StorageError,
    TypeChangedError,
    TypeConflictError,
    TypeLimitError,
    TypeNotFoundError,
    UnknownTypeError,
)
from tests.support.memory_catalogue import MemoryCatalogue

LEVEL = {"type": "object", "required": ["level"]}
ANY_TIME = Change()
FORCED = Change(force=True)


class Site:
    def __init__(self) -> None:
        self.store = MemoryCatalogue()
        self.catalogue = Catalogue(self.store, SystemClock())
        self.changes = -1  # watching calls once
        self.catalogue.watch(self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def put(self, name: str = "a.b", change: Change = ANY_TIME, **draft: Any) -> TypeEntry:
        return await self.catalogue.put(name, EntryDraft(**draft), change)

    def refuses(self, data: Any, name: str = "a.b") -> bool:
        check = self.catalogue.rule_of(name).check
        try:
            if check is not None:
                check(Draft(name), msgspec.json.encode(data))
        except SchemaMismatchError:
            return True
        return False


@pytest.fixture
def site() -> Site:
    return Site()


async def test_a_change_is_stored_before_it_is_in_force(site: Site) -> None:
    await site.put(schema=LEVEL)
    site.store.failure = StorageError()

    with pytest.raises(StorageError):
        await site.put(schema=LEVEL, mode="lenient")
    with pytest.raises(StorageError):
        await site.catalogue.delete("a.b", ANY_TIME)

    assert site.refuses({})
    assert site.changes == 1


async def test_what_is_stored_is_in_force_in_the_next_life(site: Site) -> None:
    await site.put(schema=LEVEL, owner="team")

    again = Catalogue(site.store, SystemClock())

    assert again.get("a.b") == site.catalogue.get("a.b")


async def test_a_second_put_replaces_all_but_the_versions(site: Site) -> None:
    await site.put(schema=LEVEL, owner="team", max_size=10)

    entry = await site.put(description="new")

    assert (entry.owner, entry.max_size, entry.description) == ("", None, "new")
    assert [each.version for each in entry.versions] == [1]
    assert entry.revision == 2


async def test_the_same_schema_is_no_new_version(site: Site) -> None:
    await site.put(schema=LEVEL)

    for schema in (dict(LEVEL), dict(reversed(LEVEL.items()))):
        entry = await site.put(schema=schema)
        assert len(entry.versions) == 1


async def test_a_schema_that_narrows_is_refused_with_all_places(site: Site) -> None:
    await site.put(schema={"properties": {"a": {"type": "integer"}}})

    with pytest.raises(IncompatibleSchemaError) as refused:
        await site.put(schema={"properties": {"a": {"type": "null"}}, "required": ["a"]})

    assert {fault["where"] for fault in refused.value.faults} == {
        "#/required",
        "#/properties/a/type",
    }
    assert len(site.catalogue.get("a.b").versions) == 1


async def test_force_and_no_compatibility_take_a_schema_that_narrows(site: Site) -> None:
    await site.put(schema=True)
    await site.put(schema=LEVEL, change=FORCED)
    await site.put("c.d", schema=True)

    entry = await site.put("c.d", schema=LEVEL, compatibility="none")

    assert site.catalogue.get("a.b").current == 2
    assert entry.current == 2


async def test_a_version_that_is_added_is_the_current_one(site: Site) -> None:
    await site.put(schema=LEVEL)

    await site.catalogue.add_version("a.b", VersionDraft(True, "wider"), ANY_TIME)

    assert not site.refuses({})
    assert [each.note for each in site.catalogue.get("a.b").versions] == ["", "wider"]


async def test_an_older_version_can_be_put_in_force_again(site: Site) -> None:
    await site.put(schema=LEVEL)
    await site.put(schema=True)

    await site.put(current=1)

    assert site.refuses({})
    with pytest.raises(InvalidTypeError):
        await site.put(current=3)


async def test_a_change_from_an_old_revision_is_refused(site: Site) -> None:
    await site.put(change=Change(revision=0))
    await site.put(change=Change(revision=1))

    with pytest.raises(TypeChangedError):
        await site.put(change=Change(revision=1))
    with pytest.raises(TypeChangedError):
        await site.put("c.d", change=Change(revision=1))


@pytest.mark.parametrize("name", ["", "a b", "a..b", "a.*", "system.probe", "x" * 256])
async def test_a_name_that_is_none_or_the_nodes_own_is_refused(site: Site, name: str) -> None:
    with pytest.raises(InvalidTypeError):
        await site.put(name)


async def test_a_schema_that_is_none_changes_nothing(site: Site) -> None:
    with pytest.raises(InvalidTypeError):
        await site.put(schema={"type": "strin"})

    assert site.catalogue.find("a.b") is None
    assert site.store.entries == {}


async def test_unknown_types_are_refused_where_that_is_set_but_never_the_nodes_own(
    site: Site,
) -> None:
    await site.put("a.b")
    site.catalogue.accept(unknown=False)

    with pytest.raises(UnknownTypeError):
        site.catalogue.rule_of("a.c")
    assert site.catalogue.rule_of("a.b").check is None
    assert site.catalogue.rule_of("system.probe").check is None


async def test_deleting_forgets_the_rule(site: Site) -> None:
    await site.put(schema=LEVEL)

    await site.catalogue.delete("a.b", ANY_TIME)

    assert not site.refuses({})
    with pytest.raises(TypeNotFoundError):
        await site.catalogue.delete("a.b", ANY_TIME)
    with pytest.raises(TypeNotFoundError):
        await site.catalogue.add_version("a.b", VersionDraft(True), ANY_TIME)


async def test_declared_entries_hide_stored_ones_and_cannot_be_changed(site: Site) -> None:
    await site.put(schema=True)
    site.catalogue.declare([declared("a.b", {"schema": LEVEL}, "types.yaml")])

    assert site.refuses({})
    for change in (site.put(), site.catalogue.delete("a.b", ANY_TIME)):
        with pytest.raises(ReadOnlyTypeError, match=r"types\.yaml"):
            await change

    site.catalogue.declare([])
    assert not site.refuses({})


async def test_a_rate_is_handed_to_whom_limits_and_costs_no_check(site: Site) -> None:
    await site.put(rate_limit=RateLimit(per_second=5, burst=10))
    await site.put("a.c", rate_limit=RateLimit(per_second=2.5))
    await site.put("a.d")
    site.catalogue.declare([declared("a.b", {"rate_limit": {"per_second": 7}}, "types.yaml")])

    assert site.catalogue.rule_of("a.b").check is None
    assert site.catalogue.rates().rates == {"a.b": Rate(7, 7), "a.c": Rate(2.5, 3)}


async def test_a_catalogue_has_bounds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_TYPES", 2)
    monkeypatch.setattr(changes, "MAX_VERSIONS", 2)
    monkeypatch.setattr(changes, "MAX_CATALOGUE_BYTES", 200)
    await site.put("a.a", schema=True)
    await site.put("a.a", schema={"title": "2"})
    await site.put("a.b")

    with pytest.raises(TypeLimitError):
        await site.put("a.c")
    with pytest.raises(TypeLimitError):
        await site.put("a.a", schema={"title": "3"})
    with pytest.raises(TypeLimitError):
        await site.put("a.b", schema={"title": "x" * 200})


async def test_notices_are_logged_rarely(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.put(schema=LEVEL, mode="lenient")

    for _ in range(100):
        site.refuses({})

    assert len([each for each in caplog.records if "does not fit" in each.getMessage()]) == 1
    assert site.catalogue.tally.violations == {("a.b", "accepted"): 100}


async def test_what_another_node_has_changed_is_not_written_over_but_seen(site: Site) -> None:
    before = await site.put(schema=LEVEL, owner="team")
    theirs = msgspec.structs.replace(before, owner="others", revision=2)
    await site.store.put(theirs, before)

    with pytest.raises(TypeConflictError, match="revision 2"):
        await site.put(owner="mine")

    assert site.catalogue.get("a.b") == theirs
    assert site.changes == 2
    assert (await site.put(owner="mine")).revision == 3


async def test_a_revision_that_another_node_has_made_may_be_changed(site: Site) -> None:
    before = await site.put(schema=LEVEL)
    await site.store.put(msgspec.structs.replace(before, revision=2), before)

    changed = await site.put(change=Change(revision=2))

    assert changed.revision == 3


async def test_looking_takes_over_what_others_have_changed(site: Site) -> None:
    before = await site.put(schema=LEVEL)
    await site.catalogue.look()
    assert site.changes == 1
    await site.store.delete(before)

    await site.catalogue.look()

    assert site.changes == 2
    assert not site.refuses({})
