"""The tables of the embedded log, and the connections to them."""

from __future__ import annotations

from pathlib import Path

import apsw

from event_system.sqlite.files import check_small

_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI

EVENTS_FILE = "events.db"
INDEX_FILE = "index.db"

COLUMNS = (
    "id_key",
    "subject_key",
    "type_key",
    "source_key",
    "lane",
    "type",
    "source",
    "id",
    "subject",
    "time_us",
    "received_us",
    "media_type",
    "traceparent",
    "extensions",
    "data",
)
EVENT_FIELDS = ", ".join(("offset", *COLUMNS[4:]))
"""What to select for `Event(*row)`."""

_ROW = """id_key INTEGER NOT NULL,
    subject_key INTEGER,
    type_key INTEGER NOT NULL,
    source_key INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT,
    time_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    media_type TEXT,
    traceparent TEXT,
    extensions BLOB,
    data BLOB
"""
"""The columns of an admitted event, in the order of `COLUMNS`."""

EVENTS_DDL = f"""
CREATE TABLE IF NOT EXISTS events (
    offset INTEGER PRIMARY KEY,
    {_ROW}
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""

SCHEDULED_DDL = f"""
CREATE TABLE IF NOT EXISTS scheduled (
    number INTEGER PRIMARY KEY,
    due_us INTEGER NOT NULL,
    {_ROW}
);
CREATE INDEX IF NOT EXISTS scheduled_due ON scheduled (due_us);
CREATE INDEX IF NOT EXISTS scheduled_id ON scheduled (id_key);
"""
"""Events that wait for their time: the log's columns, and when they are due."""

SCHEDULES_DDL = """
CREATE TABLE IF NOT EXISTS schedules (
    name TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    definition BLOB NOT NULL,
    next_us INTEGER,
    last_us INTEGER,
    fired_us INTEGER,
    last_offset INTEGER,
    fired INTEGER NOT NULL
) WITHOUT ROWID;
"""

INDEX_LAYOUT = 3
INDEX_PAGE_BYTES = 16_384
# `offsets` is text in UTF-8, a character for each event: its code point is the place in the run,
# from 1, so that SQLite writes it, and Python searches it, without a loop over numbers. It is NULL
# for a key that is everywhere.
INDEX_DDL = f"""
BEGIN;
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    first_offset INTEGER NOT NULL,
    last_offset INTEGER NOT NULL
);
CREATE TABLE ids (
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (run, key, offset)
) WITHOUT ROWID;
CREATE TABLE postings (
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    offsets BLOB,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE types (type TEXT PRIMARY KEY, type_key INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE type_runs (
    type_key INTEGER NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (type_key, run)
) WITHOUT ROWID;
PRAGMA user_version = {INDEX_LAYOUT};
COMMIT;
"""


def connect_events(directory: Path) -> apsw.Connection:
    """The writer's connection: durable at every commit."""
    connection = apsw.Connection(str(directory / EVENTS_FILE))
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    connection.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;")
    check_small(connection)
    connection.execute(EVENTS_DDL)
    connection.execute(SCHEDULED_DDL)
    connection.execute(SCHEDULES_DDL)
    return connection


def connect_index(directory: Path) -> apsw.Connection:
    """The indexer's connection; what a power cut takes from it is derived again.

    The log, which must exist, is attached as `log`.
    """
    connection = apsw.Connection(_uri(directory / INDEX_FILE, "rwc"), flags=_READ_WRITE)
    connection.set_busy_timeout(5000)
    # A search looks up one page or two in each run: large ones make the way there short.
    connection.execute(f"PRAGMA page_size = {INDEX_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    connection.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    if connection.pragma("user_version") == 0:
        connection.execute(INDEX_DDL)
    connection.execute("ATTACH ? AS log", (_uri(directory / EVENTS_FILE, "ro"),))
    return connection


def connect_reader(directory: Path) -> apsw.Connection:
    """A read-only connection to the log, with the index attached as `idx`."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(_uri(directory / EVENTS_FILE, "ro"), flags=flags)
    connection.set_busy_timeout(5000)
    # An automatic index over the log would cost more than any search.
    connection.execute("PRAGMA automatic_index = OFF; PRAGMA temp_store = MEMORY;")
    connection.execute("ATTACH ? AS idx", (_uri(directory / INDEX_FILE, "ro"),))
    connection.execute("PRAGMA main.cache_size = -4096; PRAGMA idx.cache_size = -4096;")
    return connection


def _uri(file: Path, mode: str) -> str:
    return f"{file.absolute().as_uri()}?mode={mode}"
