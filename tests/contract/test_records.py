"""What every `Records` promises, over each implementation."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from event_system.database.sql.records import ServerRecords
from event_system.database.sqlite.records import SqliteRecords
from event_system.kernel.errors import DamagedFileError, StorageError
from event_system.kernel.records import Records, encoded, load_all
from tests.support.sql import ENGINES, SharedDatabases, opened


class Closing(Records, Protocol):
    """Records that can be closed."""

    async def close(self) -> None: ...


@dataclass
class Place:
    """Where records are kept, opened."""

    records: Closing
    open: Callable[[], Awaitable[Closing]]

    async def reopen(self) -> Closing:
        """As the next process finds it."""
        await self.records.close()
        self.records = await self.open()
        return self.records


@pytest.fixture(params=["embedded", *ENGINES])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        if request.param == "embedded":

            async def open_() -> Closing:
                return SqliteRecords(tmp_path)

        else:
            database = await stack.enter_async_context(opened(databases.emptied(request.param)))

            async def open_() -> Closing:
                return ServerRecords(database, lambda connection: None)

        place = Place(await open_(), open_)
        yield place
        await place.records.close()


async def test_what_was_saved_is_there_in_the_next_process(place: Place) -> None:
    await place.records.save({"a": {"x": b"1", "y": b""}, "b": {"x": bytes(range(256))}})

    records = await place.reopen()

    assert await records.load("a") == {"x": b"1", "y": b""}
    assert await records.load("b") == {"x": bytes(range(256))}
    assert await records.load("c") == {}


async def test_a_later_value_wins_and_none_forgets(place: Place) -> None:
    await place.records.save({"a": {"x": b"1", "y": b"1", "z": b"1"}})
    await place.records.save({"a": {"x": b"2", "y": None, "never": None}})

    assert await (await place.reopen()).load("a") == {"x": b"2", "z": b"1"}


async def test_saves_at_the_same_time_keep_their_order(place: Place) -> None:
    saves = [
        place.records.save({"a": {"x": str(n).encode()}, str(n): {"k": b""}}) for n in range(50)
    ]
    await asyncio.gather(*saves, place.records.save({"a": {"gone": b"1"}}))

    records = await place.reopen()

    assert await records.load("a") == {"x": b"49", "gone": b"1"}
    assert [await records.load(str(n)) for n in range(50)] == [{"k": b""}] * 50


async def test_a_save_whose_caller_gives_up_is_made_all_the_same(place: Place) -> None:
    first = asyncio.ensure_future(place.records.save({"a": {"x": b"1"}}))
    await asyncio.sleep(0)
    first.cancel()
    await place.records.save({"a": {"y": b"1"}})

    assert await place.records.load("a") == {"x": b"1", "y": b"1"}


async def test_names_that_look_alike_are_records_of_their_own(place: Place) -> None:
    names = ["k", "K", "k ", " k", "ß", "ss", "é", "e\N{COMBINING ACUTE ACCENT}", "🎮" * 50, ""]
    await place.records.save({"a": {name: name.encode() for name in names}, "A": {"k": b"A"}})

    assert await place.records.load("a") == {name: name.encode() for name in names}
    assert await place.records.load("A") == {"k": b"A"}


async def test_a_value_and_a_key_may_be_long(place: Place) -> None:
    key = 'route/{a="b"}:' * 300
    await place.records.save({"a": {key: b"x" * 5_000_000}})

    assert await place.records.load("a") == {key: b"x" * 5_000_000}


async def test_many_records_in_one_save(place: Place) -> None:
    rows = {str(n): str(n).encode() for n in range(20_000)}
    await place.records.save({"a": rows})
    await place.records.save({"a": dict.fromkeys(list(rows)[1:])})

    assert await place.records.load("a") == {"0": b"0"}


async def test_a_value_that_cannot_be_read_is_named(place: Place) -> None:
    await place.records.save({"a": {**encoded({"x": 1}), "torn": b"\xc1"}})

    with pytest.raises(StorageError, match="`a` cannot be read: torn"):
        await load_all(place.records, "a", int)


async def test_a_torn_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path)
    await records.save({"a": {str(n): b"x" * 100 for n in range(1000)}})
    await records.close()
    file = tmp_path / "alerting.db"
    torn = bytearray(file.read_bytes())
    torn[4096:12288] = b"\xff" * 8192
    file.write_bytes(torn)

    with pytest.raises(DamagedFileError, match=r"(?s)alerting\.db.*what fires is told once more"):
        SqliteRecords(tmp_path)


async def test_what_a_process_saved_that_was_killed_is_there(tmp_path: Path) -> None:
    """The write-ahead log has room for what is to come: no more is read than was written."""
    records = SqliteRecords(tmp_path)
    await records.save({"a": {"x": b"1"}})
    await records.save({"a": {"x": b"2", "y": b"1"}})
    left = shutil.copytree(tmp_path, tmp_path / "left")
    (left / "alerting.db-shm").unlink()
    await records.close()

    again = SqliteRecords(left)
    assert await again.load("a") == {"x": b"2", "y": b"1"}
    await again.save({"a": {"y": None}})
    assert await again.load("a") == {"x": b"2"}
    await again.close()


async def test_saves_make_the_write_ahead_log_no_larger(tmp_path: Path) -> None:
    """A larger file is a second write to the disk: that of its size."""
    records, log = SqliteRecords(tmp_path), tmp_path / "alerting.db-wal"
    before = log.stat().st_size
    for number in range(200):
        await records.save({"a": {str(number): b"x" * 10_000}})
    assert log.stat().st_size == before
    await records.close()


_LITTLE_ROOM = """
import asyncio, resource, sys
from pathlib import Path
from event_system.database.sqlite.records import SqliteRecords

async def main(directory):
    records = SqliteRecords(directory)
    await records.save({"a": {"x": b"1"}})
    print((directory / "alerting.db-wal").stat().st_size, await records.load("a"))
    await records.close()

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
asyncio.run(main(Path(sys.argv[1])))
"""


def test_where_there_is_little_room_it_is_left_to_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LITTLE_ROOM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    size, _, found = done.stdout.partition(" ")
    assert int(size) < 100_000
    assert found == "{'x': b'1'}\n"


async def test_a_save_that_failed_has_changed_nothing(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path)
    await records.save({"a": {"x": b"1", "y": b"1"}})
    records._connection.pragma("max_page_count", 10)
    with pytest.raises(StorageError):
        await records.save({"a": {"x": None, "y": b"2" * 100_000, "z": b"2"}})
    records._connection.pragma("max_page_count", 1_000_000)
    assert await records.load("a") == {"x": b"1", "y": b"1"}
    await records.save({"a": {"x": b"3", "z": b"3"}})
    await records.close()

    again = SqliteRecords(tmp_path)
    assert await again.load("a") == {"x": b"3", "y": b"1", "z": b"3"}
    await again.save({"a": dict.fromkeys("xyz")})
    assert await again.load("a") == {}  # each had one row
    await again.close()


async def test_encoded_values_are_read_as_they_were(place: Place) -> None:
    await place.records.save({"a": encoded({"x": (1, "ß"), "y": (0, ""), "gone": None})})

    assert await load_all(place.records, "a", tuple[int, str]) == {"x": (1, "ß"), "y": (0, "")}
