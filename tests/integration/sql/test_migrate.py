"""The way from an empty database to today's tables, on both servers."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from event_system.kernel.errors import MigrationError, NewerDatabaseError
from event_system.sql import migrate, tables
from event_system.sql.dsn import Dsn
from event_system.sql.metadata import METADATA
from tests.support.sql import ENGINES, administering, connecting, fresh_database

STEP = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("one_{revision}", sa.Column("id", sa.Integer), if_not_exists=True)
    op.execute({last!r})


def downgrade() -> None:
    op.drop_table("one_{revision}", if_exists=True)
'''


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param) as dsn:
        yield dsn


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the steps, to which a test adds some of its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", copy)
    monkeypatch.setattr(migrate, "LOCATION", str(copy))
    return copy


def add_step(folder: Path, revision: str, before: str | None, last: str = "SELECT 1") -> None:
    text = STEP.format(title="A step of the test", revision=revision, before=before, last=last)
    (folder / "versions" / f"{revision}_step.py").write_text(text)


def names(dsn: Dsn) -> set[str]:
    with connecting(dsn) as connection:
        return set(sa.inspect(connection).get_table_names())


def test_all_steps_together_make_the_tables_that_the_code_declares(empty: Dsn) -> None:
    tables.declare()
    migrate.upgrade(empty)

    with connecting(empty) as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": migrate.VERSION_TABLE,
                "compare_type": True,
                "include_object": _is_ours,
            },
        )
        assert compare_metadata(context, METADATA) == []


def _is_ours(object_: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    """Partitions of a table are tables of their own to PostgreSQL."""
    return kind != "table" or not reflected or name in METADATA.tables


def test_all_steps_back_leave_nothing(empty: Dsn) -> None:
    migrate.upgrade(empty)
    assert migrate.downgrade(empty, "base").current is None

    assert names(empty) == {migrate.VERSION_TABLE}
    assert migrate.upgrade(empty).pending == ()


async def test_two_that_start_at_once_on_an_empty_database_both_come_up(empty: Dsn) -> None:
    found = await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, empty) for _ in range(4)))

    assert {status.pending for status in found} == {()}
    assert len({status.current for status in found}) == 1


def test_a_step_that_fails_half_way_is_told_and_mended_by_the_next_start(
    empty: Dsn, folder: Path
) -> None:
    newest = migrate.upgrade(empty).newest
    add_step(folder, "9001", newest)
    add_step(folder, "9002", "9001", last="SELECT * FROM nowhere")

    with pytest.raises(MigrationError, match="nowhere"):
        migrate.upgrade(empty)
    assert migrate.status(empty).current == "9001"

    add_step(folder, "9002", "9001")
    assert migrate.upgrade(empty).current == "9002"
    assert {"one_9001", "one_9002"} <= names(empty)


def test_a_database_of_a_newer_version_is_refused(empty: Dsn, folder: Path) -> None:
    newest = migrate.upgrade(empty).newest
    add_step(folder, "9001", newest)
    migrate.upgrade(empty)
    (folder / "versions" / "9001_step.py").unlink()

    for attempt in (migrate.status, migrate.upgrade):
        with pytest.raises(NewerDatabaseError, match="9001"):
            attempt(empty)
    with pytest.raises(NewerDatabaseError):
        migrate.downgrade(empty, "base")


def test_what_is_pending_is_named(empty: Dsn, folder: Path) -> None:
    assert migrate.status(empty).current is None
    assert migrate.status(empty).pending[0].revision == "0000"

    newest = migrate.upgrade(empty).newest
    add_step(folder, "9001", newest)

    assert migrate.status(empty).pending == (migrate.Step("9001", "A step of the test."),)


CLIENTS = {
    "mysql": ["mysql", "--protocol=tcp", "-h127.0.0.1", "-P3306"],
    "postgresql": ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "root"],
}


def test_a_database_made_with_the_servers_own_client_is_current(empty: Dsn, tmp_path: Path) -> None:
    """As a deployment guide has it: `mysql … < sql/schema.sql`, then `init_data.sql`."""
    exported = migrate.export(empty.dialect)
    client = [*CLIENTS[empty.dialect], empty.database]
    if empty.dialect == "mysql":
        client[1:1] = ["-uroot"]
    for text in (exported.schema, exported.init_data):
        subprocess.run(client, input=text, text=True, check=True, capture_output=True)

    assert migrate.status(empty).pending == ()
    made = names(empty)
    assert migrate.upgrade(empty).pending == ()
    assert names(empty) == made


@pytest.mark.service("mariadb")
def test_a_user_with_rights_on_this_database_alone_is_enough() -> None:
    with fresh_database("mariadb") as dsn, administering("mariadb") as root:
        user = f"{dsn.database[-24:]}_u"
        root.execute(sa.text(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'password'"))
        root.execute(sa.text(f"GRANT ALL PRIVILEGES ON {dsn.database}.* TO '{user}'@'%'"))
        try:
            own = Dsn("mysql", dsn.host, dsn.port, user, dsn.database, "password")
            assert migrate.upgrade(own).pending == ()
        finally:
            root.execute(sa.text(f"DROP USER '{user}'@'%'"))
