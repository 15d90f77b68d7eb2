"""`event-system verify` as an operator runs it: beside a node, and killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from event_system.cli.main import app
from event_system.eventlog.sqlite.index import DAMAGED_FILE, RUN_EVENTS
from event_system.eventlog.sqlite.schema import INDEX_FILE
from event_system.sql.tables.state import CURSORS, FAILURE_COUNTS
from tests.support.kept import filled
from tests.support.process import NodeProcess
from tests.support.rows import LANES, row
from tests.support.sql import ENGINES, SharedDatabases, connecting, fresh_database
from tests.support.stored_log import StoredLog
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "recording.py"
RUNS = 4


def verify(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["verify", *arguments])


def report(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(verify(*arguments, "--json").stdout)
    return found


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """The command as a process of its own, to be killed."""
    command = [sys.executable, "-m", "event_system.cli", "verify", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A data directory whose index has been found damaged."""
    with closing(StoredLog(tmp_path, RUN_EVENTS)) as log:
        log.append(row(f"e{n}", subject=f"s{n}") for n in range(RUNS * RUN_EVENTS))
    with closing(apsw.Connection(str(tmp_path / "events.db"))) as events:
        events.execute("INSERT INTO facts VALUES ('lanes', ?)", (LANES,))
    (tmp_path / DAMAGED_FILE).touch()
    return tmp_path


def test_a_directory_in_use_is_not_looked_at_and_one_left_by_a_crash_agrees(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, node.client() as client:
        batch = [{"type": "player.login", "subject": f"s{n}"} for n in range(300)]
        assert client.post("/api/events/batch", json=batch).status_code == 200
        done = verify("--data-dir", str(node.data))
        assert done.exit_code == 2
        assert node.process is not None
        assert f"in use by process {node.process.pid}" in done.stderr
        node.kill()

    after = verify("--data-dir", str(node.data))

    assert (after.exit_code, after.stderr) == (0, "")
    assert "Everything agrees with the log." in after.stdout


def test_listeners_of_a_log_that_has_lost_events_go_on_after_a_repair(tmp_path: Path) -> None:
    batch = [{"type": "player.login", "subject": f"s{n}"} for n in range(300)]
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node, node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200
        wait_until(lambda: lags(client) == {0})
        assert node.stop() == 0
    with closing(apsw.Connection(str(node.data / "events.db"))) as events:
        events.execute("DELETE FROM events WHERE offset > 100")

    lost = report("--data-dir", str(node.data))
    assert {entry["code"] for entry in lost["findings"]} == {"cursor.ahead"}
    assert report("--data-dir", str(node.data), "--repair")["clean"]
    assert report("--data-dir", str(node.data))["findings"] == []

    with node, node.client() as client:
        answer = client.post("/api/events/batch", json=batch[:50])
        assert [event["offset"] for event in answer.json()["events"]] == list(range(101, 151))
        wait_until(lambda: lags(client) == {0})
        assert node.stop() == 0
    handled = (tmp_path / "handled.log").read_text().splitlines()
    assert len(handled) == 2 * 350


def lags(client: httpx.Client) -> set[int]:
    return {listener["lag"] for listener in client.get("/api/listeners").json()["listeners"]}


def test_what_cannot_be_looked_at_is_told_with_exit_code_2(tmp_path: Path) -> None:
    nothing = verify("--data-dir", str(tmp_path))
    both = verify("--data-dir", str(tmp_path), "--from", "1", "--last", "1")

    assert nothing.exit_code == both.exit_code == 2
    assert "holds no events.db" in nothing.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_tables_of_an_older_version_are_not_looked_at(engine: str, tmp_path: Path) -> None:
    with fresh_database(engine, "empty") as dsn:
        done = verify("--config", _config(tmp_path, dsn.url))

    assert done.exit_code == 2
    assert "event-system db migrate" in done.stderr


def _config(directory: Path, url: str) -> str:
    path = directory / "verify.yaml"
    path.write_text(f"database: {{enabled: true, dsn: '{url}'}}\n")
    return str(path)


def test_findings_are_shown_and_mended_only_when_asked_for(damaged: Path) -> None:
    look = verify("--data-dir", str(damaged), "--last", "10")
    assert look.exit_code == 1
    assert "index.damaged" in look.stdout
    assert "-> `--repair` builds the index again from the log." in look.stdout

    mend = verify("--data-dir", str(damaged), "--last", "10", "--repair")
    assert mend.exit_code == 0
    assert "Everything that was found is mended." in mend.stdout
    after = report("--data-dir", str(damaged))
    assert (after["clean"], after["findings"]) == (True, [])
    assert after["events"] == RUNS * RUN_EVENTS


def test_a_rebuild_of_the_index_that_was_killed_ends_well(damaged: Path) -> None:
    repair = start("--data-dir", str(damaged), "--last", "10", "--repair")
    wait_until(lambda: runs(damaged) >= 1)
    repair.kill()
    repair.wait()

    assert report("--data-dir", str(damaged), "--repair")["clean"]
    assert report("--data-dir", str(damaged))["findings"] == []


def runs(directory: Path) -> int:
    """How many runs the new index has; 0 while there is none."""
    if (directory / DAMAGED_FILE).exists():
        return 0
    path = str(directory / INDEX_FILE)
    try:
        with closing(apsw.Connection(path, apsw.SQLITE_OPEN_READONLY)) as index:
            return int(index.execute("SELECT count(*) FROM runs").get)
    except apsw.Error:
        return 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_repair_that_was_killed_ends_well(
    engine: str, tmp_path: Path, databases: SharedDatabases
) -> None:
    """It is held up half-way by a lock that the test has."""
    async with filled(engine, tmp_path, databases) as kept:
        assert kept.dsn is not None
        with connecting(kept.dsn) as server, connecting(kept.dsn) as holder:
            server.execute(CURSORS.update().where(CURSORS.c.lane == 1).values(offset=1000))
            server.execute(FAILURE_COUNTS.update().values(number=7))
            holder.exec_driver_sql("BEGIN")
            holder.execute(sa.select(FAILURE_COUNTS).with_for_update())
            repair = start("--config", _config(tmp_path, kept.dsn.url), "--repair")
            furthest = sa.select(sa.func.max(CURSORS.c.offset))
            wait_until(lambda: server.scalar(furthest) < 1000)
            repair.kill()
            repair.wait()
            holder.exec_driver_sql("ROLLBACK")

        again = kept.verify(repairing=True)
        assert [entry.code for entry in again.findings] == ["failure.counts"]
        assert again.is_clean
        assert kept.verify().findings == []
