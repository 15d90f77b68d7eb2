"""A data directory that was damaged, mixed up or filled: named at the start, with the remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from event_system.database.sqlite.batches import file_name
from tests.support.process import NodeProcess, run_command
from tests.support.waiting import wait_until

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
            for n in range(5):
                entry = {"schema": {"title": "x" * 5000}}
                assert client.put(f"/api/types/a.t{n}", json=entry).status_code == 200
            wait_until(lambda: not any(x["lag"] for x in _listeners(client)))
        assert node.stop() == 0
    return directory / "data"


def _listeners(client: Any) -> list[dict[str, Any]]:
    return list(client.get("/api/listeners").json()["listeners"])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of another node, with the same listeners."""
    directory = tmp_path_factory.mktemp("other")
    with NodeProcess(directory, listeners=[LISTENERS]) as node, node.client() as client:
        batch = [{"type": "player.login", "subject": "a"}] * 20
        assert client.post("/api/events/batch", json=batch).status_code == 200
        wait_until(lambda: not any(x["lag"] for x in _listeners(client)))
        node.stop()
    return directory / "data"


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


def _zero_last_page(path: Path) -> None:
    _overwrite(path, at=path.stat().st_size // 4096 * 4096 - 4096, length=4096)


def _zero_events_page(path: Path) -> None:
    """Overwrite a page of events that is neither of the first nor of the newest."""
    content = path.read_bytes()
    leaves = (
        at for at in range(len(content) // 12288 * 4096, len(content), 4096) if content[at] == 0x0D
    )
    _overwrite(path, at=next(leaves), length=4096)


def _degraded(client: httpx.Client) -> dict[str, Any] | None:
    health: dict[str, Any] = client.get("/health").json()
    return health if health["status"] == "degraded" else None


def _serve(data: Path) -> subprocess.CompletedProcess[str]:
    return run_command(
        "serve", "--data-dir", str(data), "--port", "0", "--metrics-port", "0",
        "--listeners", str(LISTENERS), cwd=data.parent,
    )  # fmt: skip


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
    done = _serve(data)
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


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("events.db", _zero_last_page),
        ("state.db", _zero_last_page),
        ("catalogue.db", _zero_last_page),
        ("catalogue.db", _truncate),
    ],
)
def test_every_damaged_file_is_named_by_start_and_check(
    data: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(data / name)
    done = _serve(data)
    assert done.returncode == 1
    assert "storage.damaged" in done.stderr
    assert str(data / name) in done.stderr
    assert "backup" in done.stderr
    checked = run_command("db", "check", "--data-dir", str(data), "--json")
    assert checked.returncode == 1
    damaged = [file for file in json.loads(checked.stdout)["files"] if file["faults"]]
    assert [(file["file"], bool(file["remedy"])) for file in damaged] == [(name, True)]


@pytest.mark.parametrize("name", ["events.db", "state.db", "catalogue.db", "index.db"])
def test_check_names_a_file_that_is_empty(data: Path, name: str) -> None:
    (data / name).write_bytes(b"")
    (data / f"{name}-wal").unlink(missing_ok=True)
    checked = run_command("db", "check", "--data-dir", str(data), "--json")
    assert (checked.returncode, checked.stderr) == (1, "")
    damaged = {file["file"]: file["faults"] for file in json.loads(checked.stdout)["files"]}
    assert damaged[name] == ["it is empty"]


@pytest.mark.parametrize("name", ["events.db", "catalogue.db", "index.db"])
def test_a_file_that_cannot_be_opened_is_named_in_one_line(data: Path, name: str) -> None:
    (data / name).unlink()
    (data / name).mkdir()
    done = _serve(data)
    assert done.returncode == 1
    assert "storage.data_dir" in done.stderr
    assert str(data / name) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["state.db", f"listeners/{file_name('ledger')}"])
def test_a_file_of_another_node_is_refused(data: Path, other: Path, name: str) -> None:
    shutil.copy(other / name, data / name)
    done = _serve(data)
    assert done.returncode == 1
    assert "storage.foreign" in done.stderr
    assert str(data / name) in done.stderr
    checked = run_command("db", "check", "--data-dir", str(data), "--json")
    assert checked.returncode == 1
    assert f"{data / name} belongs to another log" in json.loads(checked.stdout)["faults"][0]


def test_an_index_of_another_node_is_built_again(data: Path, other: Path) -> None:
    shutil.copy(other / "index.db", data / "index.db")
    with NodeProcess(data.parent) as node, node.client() as client:
        page = client.get("/api/events", params={"subject": "p3", "limit": 1000}).json()
        assert len(page["events"]) == len(range(3, EVENTS, 7))


def test_missing_files_are_told(data: Path) -> None:
    for name in ("state.db", "catalogue.db", f"listeners/{file_name('ledger')}"):
        (data / name).unlink()
    with NodeProcess(data.parent, listeners=[LISTENERS]) as node, node.client() as client:
        told = " ".join(m["message"] for m in node.messages() if m["level"] != "INFO")
        assert "catalogue.db was missing" in told
        assert "the state of all listeners was missing" in told
        wait_until(lambda: not any(x["lag"] for x in _listeners(client)))
        assert node.stop() == 0
    (data / "listeners" / file_name("ledger")).unlink()
    with NodeProcess(data.parent, listeners=[LISTENERS]) as node:
        told = " ".join(m["message"] for m in node.messages() if m["level"] != "INFO")
        assert "the listener ledger starts as new" in told


def test_damage_that_a_listener_comes_upon_is_told_and_not_read_in_a_loop(tmp_path: Path) -> None:
    config = "event: {dedupe_window: 0s}"
    batch = [{"type": "player.login", "data": "x" * 300}] * 10_000
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        for _ in range(11):  # beyond what is verified at each start
            assert client.post("/api/events/batch", json=batch).status_code == 200
        node.stop()
    _zero_events_page(node.data / "events.db")
    node.listeners = [LISTENERS]
    with node, node.client() as client:
        health = wait_until(lambda: _degraded(client))
        assert health["components"]["database"] == "degraded"
        for _ in range(50):
            assert client.post("/api/events/batch", json=batch[:10]).status_code == 200
        told = [m["message"] for m in node.messages() if "reading the log" in m["message"]]
        assert "`event-system db check` names the file" in told[0]
        assert len(told) < 50
