"""`event-system db migrate`, `status`, `rollback` and `export-schema` as an operator uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_system.cli.main import app
from event_system.kernel.errors import ConfigurationError, InvalidDsnError, LeaseHeldError
from event_system.sql.dsn import Dsn
from event_system.sql.tables.cluster import NODES
from tests.support.sql import ENGINES, connecting, fresh_database


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param) as dsn:
        yield dsn


@pytest.fixture
def config(empty: Dsn, tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(f"database: {{enabled: true, dsn: '{empty.url}'}}\n")
    return str(file)


def db(*arguments: str, typed: str | None = None) -> Any:
    return CliRunner().invoke(app, ["db", *arguments], input=typed)


def member(id_: str, *, expires_us: int) -> dict[str, Any]:
    texts = dict.fromkeys(("address", "roles", "version", "place", "plan"), "")
    times = {"entered_us": 0, "seen_us": 0, "expires_us": expires_us, "clock_ahead_us": 0}
    return {"id": id_, "name": id_, **texts, **times}


def test_tables_go_forth_and_back(empty: Dsn, config: str) -> None:
    before = db("status", "--config", config, "--json")
    assert before.exit_code == 1
    assert json.loads(before.stdout)["current"] is None

    assert db("migrate", "--config", config).exit_code == 0
    after = db("status", "--config", config, "--json")
    assert after.exit_code == 0
    found = json.loads(after.stdout)
    assert found["current"] == found["newest"]
    assert found["database"] == str(empty)

    with connecting(empty) as connection:
        connection.execute(NODES.insert().values(member("here", expires_us=2**62)))
        connection.execute(NODES.insert().values(member("gone", expires_us=1)))
    refused = db("rollback", "--to", "0000", "--yes", "--config", config)
    assert isinstance(refused.exception, LeaseHeldError)
    assert refused.exception.detail == "at work on this database: here"

    with connecting(empty) as connection:
        connection.execute(NODES.delete().where(NODES.c.id == "here"))
    assert db("rollback", "--to", "0000", "--yes", "--config", config).exit_code == 0
    with connecting(empty) as connection:
        connection.execute(NODES.insert().values(member("here", expires_us=2**62)))
    assert isinstance(db("migrate", "--config", config).exception, LeaseHeldError)

    with connecting(empty) as connection:
        connection.execute(NODES.delete())
    assert db("rollback", "--to", "base", "--yes", "--config", config).exit_code == 0
    back = db("status", "--config", config, "--json")
    assert json.loads(back.stdout)["current"] is None


def test_a_rollback_asks_first(config: str) -> None:
    db("migrate", "--config", config)

    done = db("rollback", "--to", "base", "--config", config, typed="n\n")

    assert done.exit_code == 1
    assert db("status", "--config", config).exit_code == 0


def test_commands_for_a_directory_say_where_the_events_are(config: str) -> None:
    done = db("stats", "--config", config)

    assert isinstance(done.exception, ConfigurationError)
    assert "the node stores in" in done.exception.detail


def test_the_schema_is_written_for_the_servers_client(tmp_path: Path) -> None:
    done = db("export-schema", "--dir", str(tmp_path / "sql"))

    assert done.exit_code == 0
    assert "CREATE TABLE" in (tmp_path / "sql" / "schema.sql").read_text()
    assert "INSERT INTO schema_version" in (tmp_path / "sql" / "init_data.sql").read_text()


def test_without_a_database_the_command_says_so(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("")

    done = db("status", "--config", str(file))

    assert isinstance(done.exception, InvalidDsnError)
