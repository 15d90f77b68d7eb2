"""The state: cursors, failed deliveries, replays, pauses, batch listeners, event types."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPTIONS = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARSET=utf8mb4 COLLATE utf8mb4_bin"

# Types: {n…} are names of so many bytes on MySQL, {b} bytes of any length, {id} a row's number.
_TABLES = {
    "progress": ["node {n256}", "routed BIGINT", "PRIMARY KEY (node)"],
    "belongs": ["id INTEGER", "identity BIGINT", "PRIMARY KEY (id)"],
    "listeners": ["name {n400}", "start BIGINT", "PRIMARY KEY (name)"],
    "cursors": [
        *("listener {n400}", "lane INTEGER", "{offset} BIGINT", "caught_up BOOLEAN"),
        "node {n256}",
        "PRIMARY KEY (listener, lane)",
    ],
    "failures": [
        *("id {id}", "batched BOOLEAN", "listener {n400}", "{offset} BIGINT", "lane INTEGER"),
        *("type {n1020}", "state {n64}", "attempts INTEGER", "at_us BIGINT", "first_us BIGINT"),
        *("last_us BIGINT", "error {b}", "traceback {b}", "PRIMARY KEY (id)"),
    ],
    "failure_counts": [
        *("batched BOOLEAN", "listener {n400}", "state {n64}", "number BIGINT"),
        "PRIMARY KEY (batched, listener, state)",
    ],
    "failure_clocks": [
        *("batched BOOLEAN", "listener {n400}", "us BIGINT", "PRIMARY KEY (batched, listener)"),
    ],
    "pauses": ["listener {n400}", "until_us BIGINT", "PRIMARY KEY (listener)"],
    "replays": ["id {id}", "listener {n400}", "running BOOLEAN", "content {b}", "PRIMARY KEY (id)"],
    "batch_cursors": [
        *("listener {n400}", "mark {n256}", "{offset} BIGINT", "commits BIGINT"),
        "PRIMARY KEY (listener, mark)",
    ],
    "event_types": ["name {n1020}", "entry {b}", "PRIMARY KEY (name)"],
    "changes": ["name {n64}", "number BIGINT", "PRIMARY KEY (name)"],
}
_UNIQUE = {"failures": "uq_failures_offset UNIQUE ({offset}, listener, batched)"}
_INDEXES = {
    "failures": {
        "ix_failures_at": "batched, state, at_us, {offset}, listener",
        "ix_failures_listener_at": "batched, listener, state, at_us, {offset}",
        "ix_failures_place": "batched, state, {offset}, listener",
        "ix_failures_listener_place": "batched, listener, state, {offset}",
    },
    "replays": {"ix_replays_listener": "listener, id", "ix_replays_running": "running, id"},
}


def upgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    for table, columns in _TABLES.items():
        lines = [_line(table, column, postgresql=postgresql) for column in columns]
        if table in _UNIQUE:
            lines.append(_typed(f"CONSTRAINT {_UNIQUE[table]}", postgresql=postgresql))
        indexes = {
            name: _typed(places, postgresql=postgresql)
            for name, places in _INDEXES.get(table, {}).items()
        }
        if not postgresql:  # in the same statement: each commits, and may have to be run again
            lines += [f"KEY {name} ({places})" for name, places in indexes.items()]
        op.execute(
            f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(lines)})"
            + ("" if postgresql else _OPTIONS)
        )
        if postgresql:
            for name, places in indexes.items():
                op.execute(f"CREATE INDEX {name} ON {table} ({places})")


def _line(table: str, column: str, *, postgresql: bool) -> str:
    if not column.startswith("PRIMARY"):
        return _typed(column, postgresql=postgresql) + " NOT NULL" * (column != "id {id}")
    return f"CONSTRAINT pk_{table} {column}" if postgresql else column


def _typed(text: str, *, postgresql: bool) -> str:
    names = {length: f"VARBINARY({length})" for length in (64, 256, 400, 1020)}
    return text.format(
        **{
            f"n{length}": 'VARCHAR COLLATE "C"' if postgresql else own
            for length, own in names.items()
        },
        b="BYTEA" if postgresql else "LONGBLOB",
        id="BIGSERIAL NOT NULL" if postgresql else "BIGINT NOT NULL AUTO_INCREMENT",
        offset='"offset"' if postgresql else "`offset`",
    )


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE IF EXISTS {table}")
