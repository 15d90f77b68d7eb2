"""A data directory that was damaged, mixed up or filled: named at the start, with the remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from event_system.database.batches import file_name
from tests.support.process import NodeProcess, run_command, wait_until

LISTENERS = Path(__file__).parent / "listeners" / "recording.py"
EVENTS = 600


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that a node has left: events, a handled listener, a batch listener."""
    directory = tmp_path_factory.mktemp("filled")
    with NodeProcess(directory, listeners=[LISTENERS]) as node:
        with node.client() as client:
            for first in range(0, EVENTS, 200):
                batch = [
                    {
                        "type": "player.login",
                        "subject": f"p{n % 7}",
                        "data": {"n": n, "x": "y" * 200},
                    }
                    for n in range(first, first + 200)
                ]
                assert client.post("/api/events/batch", json=batch).status_code == 200
            wait_until(lambda: not any(x["lag"] for x in _listeners(client)))
        assert node.stop() == 0
    return directory / "data"


def _listeners(client: Any) -> list[dict[str, Any]]:
    return list(client.get("/api/listeners").json()["listeners"])


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "data"))


def _overwrite(path: Path, at: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _no_database(path: Path) -> None:
    path.write_bytes(b"these are no pages of a database, but some other text" * 100)


@pytest.mark.parametrize("harm", [_truncate, _no_database])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("events.db", "bring it back from a backup"),
        ("state.db", "listeners start as new ones"),
        (f"listeners/{file_name('ledger')}", "its listener starts as new"),
    ],
)
def test_a_damaged_file_is_named_at_the_start_with_its_remedy(
    data: Path, harm: Callable[[Path], None], name: str, remedy: str
) -> None:
    harm(data / name)
    done = run_command(
        "serve", "--data-dir", str(data), "--port", "0", "--metrics-port", "0",
        "--listeners", str(LISTENERS),
    )  # fmt: skip
    assert done.returncode == 1
    assert "storage.damaged" in done.stderr
    assert str(data / name) in done.stderr
    assert remedy in done.stderr


def test_a_log_older_than_the_state_is_refused(data: Path) -> None:
    log = apsw.Connection(str(data / "events.db"))
    log.execute("DELETE FROM events WHERE offset > 100")
    log.close()
    done = run_command("serve", "--data-dir", str(data), "--port", "0", "--metrics-port", "0")
    assert done.returncode == 1
    assert f"the log ends at offset 100, listeners know {EVENTS}" in done.stderr
    checked = run_command("db", "check", "--data-dir", str(data), "--json")
    assert checked.returncode == 1
    assert "ends at offset 100" in json.loads(checked.stdout)["faults"][0]


def test_check_finds_all_sound(data: Path) -> None:
    done = run_command("db", "check", "--data-dir", str(data))
    assert done.returncode == 0, done.stdout
    assert "All files are sound." in done.stdout


@pytest.mark.parametrize("name", ["events.db", "state.db", f"listeners/{file_name('ledger')}"])
def test_check_names_a_file_with_an_overwritten_page(data: Path, name: str) -> None:
    _overwrite(data / name, at=4096, length=4096)
    done = run_command("db", "check", "--data-dir", str(data), "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    damaged = {file["file"]: file for file in report["files"] if file["faults"]}
    assert set(damaged) == {Path(name).name}
    assert damaged[Path(name).name]["remedy"]
    assert report["sound"] is False


def test_check_finds_an_event_that_was_changed(data: Path) -> None:
    log = apsw.Connection(str(data / "events.db"))
    log.execute("UPDATE events SET id = 'forged' WHERE offset = 17")
    log.close()
    done = run_command("db", "check", "--data-dir", str(data))
    assert done.returncode == 1
    assert "event 17 is not what was stored" in done.stdout


def test_stats_and_check_work_beside_a_running_node_and_compact_does_not(data: Path) -> None:
    with NodeProcess(data.parent) as node:
        stats = run_command("db", "stats", "--data-dir", str(data), "--json")
        assert json.loads(stats.stdout)["log"]["newest_offset"] >= EVENTS
        assert run_command("db", "check", "--data-dir", str(data)).returncode == 0
        refused = run_command("db", "compact", "--data-dir", str(data))
        assert refused.returncode == 1
        assert node.process is not None
        assert f"in use by process {node.process.pid}" in refused.stderr


def test_compact_gives_free_pages_back_and_keeps_every_event(data: Path) -> None:
    log = apsw.Connection(str(data / "events.db"))
    log.execute("DELETE FROM events WHERE offset <= 500")
    log.close()
    before = (data / "events.db").stat().st_size
    done = run_command("db", "compact", "--data-dir", str(data), "--json")
    assert done.returncode == 0, done.stderr
    freed = json.loads(done.stdout)["freed_bytes"]["events.db"]
    assert freed == before - (data / "events.db").stat().st_size > before // 2
    with NodeProcess(data.parent) as node, node.client() as client:
        page = client.get("/api/events", params={"limit": 1000, "type": "player.*"}).json()
        assert len(page["events"]) == EVENTS - 500
        receipt = client.post("/api/events/trigger", json={"type": "a.b"}).json()
        assert receipt["offset"] > EVENTS


def test_a_directory_without_a_log_is_no_data_directory(tmp_path: Path) -> None:
    done = run_command("db", "stats", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "holds no events.db" in done.stderr
