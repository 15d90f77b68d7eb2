"""Which changes take effect at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import InvalidFilterError
from event_system.node.configuration import Loaded, load_settings
from event_system.node.reload import ConfigWatcher, ReloadPlan, plan_reload
from event_system.node.settings import Settings

changes = st.fixed_dictionaries(
    {},
    optional={
        "event.async_workers": st.integers(1, 8),
        "event.lanes": st.integers(1, 8),
        "logging.level": st.sampled_from(["debug", "error"]),
        "server.port": st.integers(1, 9),
        "server.probe_route": st.booleans(),
        "listeners.modules": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    },
)


def settings(given_: dict[str, object]) -> Settings:
    return load_settings(None, {}, given_).settings


@given(changes)
def test_nothing_changes_between_equal_settings(given_: dict[str, object]) -> None:
    assert plan_reload(settings(given_), settings(given_)) == ReloadPlan()


@given(changes, changes)
def test_every_difference_is_either_live_or_needs_a_restart(
    old: dict[str, object], new: dict[str, object]
) -> None:
    before, after = settings(old), settings(new)
    plan = plan_reload(before, after)
    differing = {key for key in {*old, *new} if _value(before, key) != _value(after, key)}
    assert set(plan.live) | set(plan.restart) == differing
    assert not set(plan.live) & set(plan.restart)
    assert set(plan.restart) <= {"event.lanes", "server.port", "listeners.modules"}


def _value(chosen: Settings, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(chosen, section), name)


class Site:
    """A configuration file under watch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("event: {async_workers: 1}\n")
        self.applied: list[ReloadPlan] = []
        self.fails: Exception | None = None
        self.watcher = ConfigWatcher(self.load(), self.load, self.apply)

    def load(self) -> Loaded:
        return load_settings(self.path, {})

    def apply(self, plan: ReloadPlan, new: Loaded) -> None:
        if self.fails is not None:
            raise self.fails
        self.applied.append(plan)


async def test_a_good_file_is_taken_over(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    site.path.write_text("event: {async_workers: 2}\n")
    await site.watcher.reload()
    assert site.applied[0].live == {"event.async_workers": (1, 2)}
    assert site.watcher.settings.event.async_workers == 2


async def test_a_bad_file_is_refused_and_the_old_settings_stay(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    site.path.write_text("event: {async_workers: none}\n")
    await site.watcher.reload()
    assert (site.watcher.refused, site.applied) == (1, [])
    assert site.watcher.settings.event.async_workers == 1


async def test_a_file_that_cannot_be_applied_is_refused_too(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    site.fails = InvalidFilterError("no")
    site.path.write_text("event: {async_workers: 2}\n")
    await site.watcher.reload()
    assert site.watcher.refused == 1
    assert site.watcher.settings.event.async_workers == 1


async def test_a_bad_file_that_is_new_is_taken_over_once_it_is_mended(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    types = tmp_path / "types.yaml"
    types.write_text("a.b: {schema: {type: objekt}}\n")
    site.path.write_text("types: {files: [types.yaml]}\n")
    running = asyncio.create_task(site.watcher.run())
    async with asyncio.timeout(10):
        while not site.watcher.refused:
            await asyncio.sleep(0.01)
        types.write_text("a.b: {}\n")
        while not site.watcher.applied:
            await asyncio.sleep(0.01)
    running.cancel()
    assert (site.watcher.refused, site.watcher.applied) == (1, 1)


async def test_a_change_between_reading_and_watching_is_noticed(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    loaded = site.load()
    site.path.write_text("event: {async_workers: 7}\n")
    watcher = ConfigWatcher(loaded, site.load, site.apply)
    running = asyncio.create_task(watcher.run())
    async with asyncio.timeout(10):
        while watcher.settings.event.async_workers != 7:
            await asyncio.sleep(0.01)
    running.cancel()
    assert watcher.applied == 1


async def test_a_request_reloads_at_once_and_a_changed_file_soon(tmp_path: Path) -> None:
    site = Site(tmp_path / "c.yaml")
    running = asyncio.create_task(site.watcher.run())
    site.watcher.request()
    async with asyncio.timeout(10):
        while site.watcher.applied < 1:
            await asyncio.sleep(0)
        site.path.write_text("event: {async_workers: 3}\n")
        while site.watcher.settings.event.async_workers != 3:
            await asyncio.sleep(0.01)
    running.cancel()
    assert site.watcher.applied == 2
