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
from event_system.sql.tables.leases import LEASES
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
        owner = {"name": "delivery", "owner": "a node", "epoch": 1, "expires_us": 2**62}
        connection.execute(LEASES.insert().values(owner))
    refused = db("rollback", "--to", "base", "--yes", "--config", config)
    assert isinstance(refused.exception, LeaseHeldError)
    assert "a node is at work" in refused.exception.detail

    with connecting(empty) as connection:
        connection.execute(LEASES.delete())
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
