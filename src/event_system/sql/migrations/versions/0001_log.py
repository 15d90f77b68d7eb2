"""The log: events in partitions, what waits for its time, schedules."""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

revision = "0001"
down_revision = "0000"
branch_labels = None
depends_on = None

_FIRST_PARTITION = 100_000

_TYPES: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"text": 'VARCHAR COLLATE "C"', "bytes": "BYTEA"},
    "mysql": {"bytes": "LONGBLOB"},
}
_OPTIONS = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARSET=utf8mb4 COLLATE utf8mb4_bin"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for statement in _postgresql():
            op.execute(statement)
    else:
        for statement in _mysql():
            op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS log_append")
    for table in (
        "events",
        "log",
        "log_writers",
        "log_types",
        "id_filters",
        "scheduled",
        "schedules",
    ):
        op.execute(f"DROP TABLE IF EXISTS {table}")


def _row(dialect: str) -> str:
    """The columns of an admitted event, in their order."""

    def name(characters: int) -> str:
        if dialect == "postgresql":
            return _TYPES[dialect]["text"]
        return f"VARBINARY({characters * 4})"

    data = _TYPES[dialect]["bytes"]
    return f"""
        id_key BIGINT NOT NULL,
        subject_key BIGINT,
        type_key BIGINT NOT NULL,
        source_key BIGINT NOT NULL,
        lane INTEGER NOT NULL,
        type {name(255)} NOT NULL,
        source {name(1024)} NOT NULL,
        id {name(300)} NOT NULL,
        subject {name(1024)},
        time_us BIGINT NOT NULL,
        received_us BIGINT NOT NULL,
        media_type {name(1024)},
        traceparent {name(64)},
        extensions {data},
        data {data}"""


def _small(text: str, blob: str, key: str) -> dict[str, str]:
    """The columns of the small tables. `text` has a place for its bytes, `key` for the table."""
    columns = {
        "log": """one INTEGER, head BIGINT NOT NULL, floor BIGINT NOT NULL,
            room BIGINT NOT NULL, received_us BIGINT NOT NULL, lanes INTEGER NOT NULL,
            identity BIGINT NOT NULL, backbone {type}, place BIGINT, {key} (one)""",
        "log_writers": """name {name}, batch BIGINT NOT NULL, first_offset BIGINT NOT NULL,
            seen_us BIGINT NOT NULL, {key} (name)""",
        "id_filters": """stretch BIGINT NOT NULL, number BIGINT NOT NULL, bits {blob} NOT NULL,
            {key} (stretch, number)""",
        "log_types": "type {type}, type_key BIGINT NOT NULL, {key} (type)",
        "schedules": """name {type}, revision BIGINT NOT NULL, definition {blob} NOT NULL,
            next_us BIGINT, last_us BIGINT, fired_us BIGINT, last_offset BIGINT,
            fired BIGINT NOT NULL, {key} (name)""",
    }
    names = {"name": text.format(256), "type": text.format(1020), "blob": blob}
    return {table: text.format(key=key.format(table), **names) for table, text in columns.items()}


_FIRST_ROW = f"INTO log VALUES (1, 0, 0, {_FIRST_PARTITION}, 0, 0, 0, NULL, NULL)"


def _postgresql() -> list[str]:
    row = _row("postgresql")
    text, blob = _TYPES["postgresql"]["text"], _TYPES["postgresql"]["bytes"]
    small = _small(text, blob, "CONSTRAINT pk_{} PRIMARY KEY")
    return [
        f"""CREATE TABLE events (
        "offset" BIGINT,{row},
        CONSTRAINT pk_events PRIMARY KEY ("offset")
        ) PARTITION BY RANGE ("offset")""",
        f"CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO ({_FIRST_PARTITION + 1})",
        "CREATE INDEX ix_events_id_key ON events (id_key)",
        *(
            f'CREATE INDEX ix_events_{key}_offset ON events ({key}, "offset")'
            for key in ("type_key", "subject_key", "source_key")
        ),
        f"""CREATE TABLE scheduled (
        number BIGSERIAL, due_us BIGINT NOT NULL,{row},
        CONSTRAINT pk_scheduled PRIMARY KEY (number)
        )""",
        "CREATE INDEX ix_scheduled_due_us_number ON scheduled (due_us, number)",
        "CREATE INDEX ix_scheduled_id_key ON scheduled (id_key)",
        *(f"CREATE TABLE {table} ({columns})" for table, columns in small.items()),
        # Changed by every commit: room in its page for many versions spares the index.
        "ALTER TABLE log SET (fillfactor = 10)",
        "ALTER TABLE log_writers SET (fillfactor = 10)",
        f"INSERT {_FIRST_ROW}",
        _APPEND,
    ]


def _mysql() -> list[str]:
    row = _row("mysql")
    small = _small("VARBINARY({})", "LONGBLOB", "PRIMARY KEY")
    return [
        f"""CREATE TABLE IF NOT EXISTS events (
        `offset` BIGINT NOT NULL,{row},
        PRIMARY KEY (`offset`),
        KEY ix_events_id_key (id_key),
        KEY ix_events_type_key_offset (type_key, `offset`),
        KEY ix_events_subject_key_offset (subject_key, `offset`),
        KEY ix_events_source_key_offset (source_key, `offset`)
        ) {_OPTIONS} PARTITION BY RANGE (`offset`)
        (PARTITION events_1 VALUES LESS THAN ({_FIRST_PARTITION + 1}))""",
        f"""CREATE TABLE IF NOT EXISTS scheduled (
        number BIGINT NOT NULL AUTO_INCREMENT, due_us BIGINT NOT NULL,{row},
        PRIMARY KEY (number),
        KEY ix_scheduled_due_us_number (due_us, number),
        KEY ix_scheduled_id_key (id_key)
        ) {_OPTIONS}""",
        *(
            f"CREATE TABLE IF NOT EXISTS {table} ({columns}) {_OPTIONS}"
            for table, columns in small.items()
        ),
        f"INSERT IGNORE {_FIRST_ROW}",
    ]


# A whole group commit in one round trip. It is VOLATILE, so each statement in it sees what was
# committed before the head was locked. Its plans are made once: planning for the arrays of every
# call would double its cost. They use the index though the table was small when they were made.
# `first_row` is 0 where the partitions do not reach far enough, and null where this batch, or a
# later one of its writer, is committed already; then nothing has changed.
_APPEND = """
CREATE FUNCTION log_append(
    writer TEXT, number BIGINT, young BIGINT, window_us BIGINT,
    id_keys BIGINT[], subject_keys BIGINT[], type_keys BIGINT[], source_keys BIGINT[],
    lanes INTEGER[], types TEXT[], sources TEXT[], ids TEXT[], subjects TEXT[],
    times BIGINT[], receipts BIGINT[], media_types TEXT[], traces TEXT[],
    extras BYTEA[], bodies BYTEA[],
    OUT first_row BIGINT, OUT not_before BIGINT, OUT twins INTEGER[], OUT twin_offsets BIGINT[]
) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    base BIGINT;
    last BIGINT;
    n INTEGER := cardinality(id_keys);
BEGIN
    SELECT head, room, received_us INTO base, last, not_before FROM log WHERE one = 1 FOR UPDATE;
    IF young <= base THEN
        SELECT array_agg(known.i), array_agg(known.o) INTO twins, twin_offsets FROM (
            SELECT fresh.i::INTEGER AS i, max(stored."offset") AS o
            FROM unnest(id_keys, sources, ids, receipts) WITH ORDINALITY
                AS fresh(id_key, source, id, received_us, i)
            CROSS JOIN LATERAL (
                SELECT e."offset", e.source, e.id, e.received_us FROM events e
                WHERE e.id_key = fresh.id_key AND e."offset" >= young OFFSET 0
            ) AS stored
            WHERE stored.id = fresh.id AND stored.source = fresh.source
            AND stored.received_us > greatest(fresh.received_us, not_before) - window_us
            GROUP BY fresh.i
        ) AS known;
    END IF;
    IF base + n > last THEN
        first_row := 0;
        RETURN;
    END IF;
    UPDATE log_writers SET batch = number, first_offset = base + 1,
        seen_us = greatest(not_before, receipts[n])
    WHERE name = writer AND batch < number;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    first_row := base + 1;
    IF twins IS NULL THEN
        INSERT INTO events
        SELECT base + i, id_key, subject_key, type_key, source_key, lane, type, source, id, subject,
            time_us, greatest(received_us, not_before), media_type, traceparent, extensions, data
        FROM unnest(id_keys, subject_keys, type_keys, source_keys, lanes, types, sources, ids,
            subjects, times, receipts, media_types, traces, extras, bodies) WITH ORDINALITY
            AS fresh(id_key, subject_key, type_key, source_key, lane, type, source, id, subject,
                time_us, received_us, media_type, traceparent, extensions, data, i);
    ELSE
        INSERT INTO events
        SELECT base + row_number() OVER (ORDER BY i), id_key, subject_key, type_key, source_key,
            lane, type, source, id, subject, time_us, greatest(received_us, not_before),
            media_type, traceparent, extensions, data
        FROM unnest(id_keys, subject_keys, type_keys, source_keys, lanes, types, sources, ids,
            subjects, times, receipts, media_types, traces, extras, bodies) WITH ORDINALITY
            AS fresh(id_key, subject_key, type_key, source_key, lane, type, source, id, subject,
                time_us, received_us, media_type, traceparent, extensions, data, i)
        WHERE i <> ALL (twins);
        n := n - cardinality(twins);
    END IF;
    UPDATE log SET head = base + n, received_us = greatest(not_before, receipts[cardinality(receipts)])
    WHERE one = 1;
END $$
"""
