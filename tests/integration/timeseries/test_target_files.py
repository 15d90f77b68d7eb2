"""Targets that files name: real files, and real HTTP servers that they name."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from event_system.kernel.clock import SystemClock
from event_system.timeseries.collection.jobs import FileTargets, ScrapeJob
from event_system.timeseries.collection.relabel import Relabel
from event_system.timeseries.collection.scraping import Scraper
from event_system.timeseries.collection.target_files import (
    LARGEST_FILE,
    MOST_FILES,
    MOST_TARGETS,
    TargetFiles,
)
from event_system.timeseries.collection.views import FileTally, TargetStatus
from event_system.timeseries.store import Store
from tests.support.series import ALL, StoreClock, opened
from tests.support.waiting import until


@asynccontextmanager
async def target() -> AsyncIterator[str]:
    """The address of a server that has a metric."""
    body = b"x 1\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()


@asynccontextmanager
async def following(store: Store, folder: Path, *rules: Relabel) -> AsyncIterator[Scraper]:
    """Scrapes what the files of a folder name."""
    files = FileTargets((f"{folder}/*.json", f"{folder}/*.yml"), 3600)
    job = ScrapeJob("j", (), (files,), interval_seconds=0.1, relabel=rules)
    scraper = Scraper([job], store, SystemClock(), FileTally())
    scraper.start()
    try:
        yield scraper
    finally:
        await scraper.stop()


def groups(*addresses: str, **labels: str) -> str:
    return json.dumps([{"targets": addresses, "labels": labels}])


def place(path: Path, text: str) -> Path:
    """A whole file at once, as a tool would write it."""
    other = path.with_suffix(".new")
    other.write_text(text, encoding="utf-8")
    return other.rename(path)


def urls(scraper: Scraper) -> set[str]:
    return {status.url for status in scraper.statuses() if status.health == "up"}


async def test_the_targets_of_files_come_change_and_go_with_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", opened(tmp_path / "other").options, SystemClock())
    folder = tmp_path / "targets"
    folder.mkdir()
    async with target() as one, target() as two, following(store, folder) as scraper:
        first = place(folder / "a.json", groups(one, env="x"))
        (shown,) = await until(lambda: up(scraper, one))
        second = place(folder / "b.yml", f"- targets: ['{two}']\n  labels: {{shard: 07}}\n")
        await until(lambda: urls(scraper) == {f"http://{one}/metrics", f"http://{two}/metrics"})
        place(first, groups(one, env="y"))
        await until(lambda: [dict(each.labels)["env"] for each in up(scraper, one)] == ["y"])
        second.unlink()
        await until(lambda: urls(scraper) == {f"http://{one}/metrics"})

    assert dict(shown.labels) == {"env": "x", "instance": one, "job": "j"}
    assert dict(shown.discovered)["__meta_filepath"] == str(first)
    found = store.select([ALL], 0, 2**62, 10**9)
    last = {each.labels: each.values[-1] for each in found}
    assert {dict(labels).get("shard") for labels in last} == {None, "07"}
    gone = [value for labels, value in last.items() if ("env", "y") not in labels]
    assert len(gone) == 12  # `x` and five of the scrape itself, of two targets
    assert all(map(math.isnan, gone))
    store.close()


def up(scraper: Scraper, address: str) -> list[TargetStatus]:
    wanted = f"http://{address}/metrics"
    return [each for each in scraper.statuses() if each.url == wanted and each.health == "up"]


async def test_rules_see_the_file_and_a_target_without_an_address_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "store", opened(tmp_path / "other").options, SystemClock())
    rules = Relabel("replace", ("__meta_filepath",), regex=r".*/(.*)\.json", target_label="file")
    async with target() as one, following(store, tmp_path, rules) as scraper:
        place(tmp_path / "here.json", groups(one, "https://example.test/x"))
        (shown,) = await until(lambda: up(scraper, one))
        assert len(scraper.statuses()) == 1

    assert dict(shown.labels)["file"] == "here"
    assert "1 targets of the job j have no address and are left out: https://example" in caplog.text
    store.close()


BAD = {
    "no JSON": ("a.json", "[{", "Expecting property name"),
    "no YAML": ("a.yml", "- targets: [\n- x", "line 2"),
    "no list": ("a.json", "{}", "no list of groups"),
    "another key": ("a.json", '[{"target": []}]', "group 1 has to have"),
    "no mapping": ("a.yml", "- ~", "group 1 has to have"),
    "no address": ("a.json", '[{"targets": ["a:1", 5]}]', "target 2 of group 1"),
    "no targets": ("a.json", '[{"targets": "a:1"}]', "targets of group 1"),
    "no name": ("a.json", '[{"labels": {"a-b": "1"}}]', "label 1 of group 1 has no name"),
    "no text": ("a.json", '[{"labels": {"a": 1}}]', "label 1 of group 1 has no text"),
    "nested": ("a.json", "[" * 100_000, "cannot be read"),
    "no text at all": ("a.json", "\x00", "cannot be read"),
    "huge": ("a.json", " " * (LARGEST_FILE + 1), "larger than"),
    "many": ("a.yml", "- &a {targets: [" + "h:1," * 5001 + "]}\n- *a\n", f"over {MOST_TARGETS}"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_broken_file_keeps_its_last_good_targets_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    name, text, told = BAD[kind]
    clock, tally = StoreClock(), FileTally()
    files = TargetFiles(FileTargets((f"{tmp_path}/a.*",), 60.0), tally, clock)
    place(tmp_path / name, '[{"targets": ["good:1"]}]')
    files.look()
    good = files.groups

    place(tmp_path / name, text)
    for _ in range(3):
        files.look()
        clock.pass_ms(60_000)

    assert good == ((("good:1",), (("__meta_filepath", str(tmp_path / name)),)),)
    assert files.groups == good
    assert caplog.text.count(told) == 1
    assert tally.read_errors == 3
    place(tmp_path / name, '[{"targets": ["better:1"]}]')
    files.look()
    assert [addresses for addresses, _ in files.groups] == [("better:1",)]
    (tmp_path / name).unlink()
    files.look()
    assert not files.groups
    assert not tally.changed_seconds


def test_a_file_is_read_again_when_the_interval_is_over(tmp_path: Path) -> None:
    """A broken one shows when: each reading counts."""
    clock, tally = StoreClock(), FileTally()
    files = TargetFiles(FileTargets((f"{tmp_path}/*.json",), 60.0), tally, clock)
    place(tmp_path / "a.json", "[")
    errors = []
    for _ in range(4):
        files.look()
        errors.append(tally.read_errors)
        clock.pass_ms(30_000)

    assert errors == [1, 1, 2, 2]


def test_files_past_the_number_allowed_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number:04}.json").write_text(f'[{{"targets": ["h:{number}"]}}]')
    files = TargetFiles(FileTargets((f"{tmp_path}/*.json",)), FileTally(), StoreClock())

    files.look()
    files.look()

    assert [addresses for addresses, _ in files.groups][-1] == (f"h:{MOST_FILES - 1}",)
    assert caplog.text.count(f"those after {MOST_FILES} are left out") == 1


def test_what_is_no_file_is_told_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tally = FileTally()
    files = TargetFiles(FileTargets((f"{tmp_path}/*.json",)), tally, StoreClock())
    (tmp_path / "a.json").mkdir()

    files.look()

    assert (files.groups, tally.read_errors) == ((), 1)
    assert "Is a directory" in caplog.text
