"""One driver each: how it connects, and what is set on every connection.

Asynchronous work goes through asyncpg and asyncmy; psycopg and PyMySQL serve what has to be
synchronous, the migrations and batch listeners' transactions.
"""

from __future__ import annotations

import ssl
from typing import Any

import sqlalchemy as sa

from event_system.sql.dsn import Dialect, Dsn

APPLICATION = "event-system"
LONGEST_STATEMENT_SECONDS = 30
LONGEST_LOCK_SECONDS = 10
LONGEST_IDLE_TRANSACTION_SECONDS = 20
"""How long a node that has stopped may hold its locks while its connection still stands."""
_FORGOTTEN_CONNECTION_SECONDS = 600
_LARGEST_PACKET_BYTES = 1 << 30


def async_url(dialect: Dialect) -> sa.URL:
    """The URL that picks SQLAlchemy's dialect; the rest is in `async_arguments`."""
    return sa.URL.create("postgresql+asyncpg" if dialect == "postgresql" else "mysql+asyncmy")


def sync_url(dialect: Dialect) -> sa.URL:
    return sa.URL.create("postgresql+psycopg" if dialect == "postgresql" else "mysql+pymysql")


def async_arguments(dsn: Dsn) -> dict[str, Any]:
    """What the asynchronous driver's `connect` takes."""
    if dsn.dialect == "postgresql":
        return {
            "host": dsn.socket or dsn.host,
            "port": dsn.port,
            "user": dsn.user,
            "password": dsn.password or None,
            "database": dsn.database,
            "timeout": dsn.connect_seconds,
            "ssl": _asyncpg_tls(dsn),
            "server_settings": _postgres_settings(idle=LONGEST_IDLE_TRANSACTION_SECONDS),
        }
    return {**_mysql_arguments(dsn), "program_name": APPLICATION}


def sync_arguments(dsn: Dsn) -> dict[str, Any]:
    """What the synchronous driver's `connect` takes.

    There is no limit on an idle transaction, see `idling_limited`: a batch listener may think for
    as long as its own timeout lets it.
    """
    if dsn.dialect == "postgresql":
        settings = _postgres_settings(idle=0)
        return {
            "host": dsn.socket or dsn.host,
            "port": dsn.port,
            "user": dsn.user,
            "password": dsn.password or None,
            "dbname": dsn.database,
            "connect_timeout": max(2, round(dsn.connect_seconds)),
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": (LONGEST_STATEMENT_SECONDS + LONGEST_LOCK_SECONDS) * 1000,
            "sslmode": dsn.tls,
            "sslrootcert": dsn.tls_ca,
            "sslcert": dsn.tls_certificate,
            "sslkey": dsn.tls_key,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        }
    return _mysql_arguments(dsn)


def session_statements(dialect: Dialect, version: str) -> tuple[str, ...]:
    """What is run once on every new connection; `version` is what the server says of itself."""
    if dialect == "postgresql":
        return ()
    settings = [
        "time_zone = '+00:00'",
        "sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION'",
        f"innodb_lock_wait_timeout = {LONGEST_LOCK_SECONDS}",
        f"wait_timeout = {_FORGOTTEN_CONNECTION_SECONDS}",
    ]
    if "mariadb" in version.lower():
        settings += [
            f"max_statement_time = {LONGEST_STATEMENT_SECONDS}",
            f"idle_transaction_timeout = {LONGEST_IDLE_TRANSACTION_SECONDS}",
        ]
    else:
        settings.append(f"max_execution_time = {LONGEST_STATEMENT_SECONDS * 1000}")
    return (
        f"SET SESSION {', '.join(settings)}",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


def idling_limited(dialect: Dialect, *, is_mariadb: bool) -> str | None:
    """Limits how long a transaction of a synchronous connection may idle: PostgreSQL's this one.

    MySQL has no such limit; there the end of the TCP connection has to tell.
    """
    if dialect == "postgresql":
        limit = f"'{LONGEST_IDLE_TRANSACTION_SECONDS}s'"
        return f"SET LOCAL idle_in_transaction_session_timeout = {limit}"
    if is_mariadb:
        return f"SET SESSION idle_transaction_timeout = {LONGEST_IDLE_TRANSACTION_SECONDS}"
    return None


def _postgres_settings(*, idle: int) -> dict[str, str]:
    """`synchronous_commit` is stated: a default of the server must not weaken "accepted"."""
    return {
        "application_name": APPLICATION,
        "TimeZone": "UTC",
        "synchronous_commit": "on",
        "default_transaction_isolation": r"read\ committed" if not idle else "read committed",
        "statement_timeout": f"{LONGEST_STATEMENT_SECONDS}s",
        "lock_timeout": f"{LONGEST_LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{idle}s",
        "tcp_keepalives_idle": "15",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "jit": "off",
    }


def _asyncpg_tls(dsn: Dsn) -> Any:
    """Asyncpg takes libpq's words; a context where files are named."""
    if dsn.socket or dsn.tls in ("disable", "prefer"):
        return None if dsn.socket else dsn.tls
    return _context(dsn)


def _context(dsn: Dsn) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=dsn.tls_ca)
    context.check_hostname = dsn.tls == "verify-full"
    if dsn.tls == "require":
        context.verify_mode = ssl.CERT_NONE
    if dsn.tls_certificate:
        context.load_cert_chain(dsn.tls_certificate, dsn.tls_key)
    return context


def _mysql_arguments(dsn: Dsn) -> dict[str, Any]:
    """The password as bytes: both drivers would take it for Latin-1."""
    secure = dsn.tls in ("require", "verify-ca", "verify-full")
    place = {"unix_socket": dsn.socket} if dsn.socket else {"host": dsn.host, "port": dsn.port}
    return {
        **place,
        "user": dsn.user,
        "password": dsn.password.encode(),
        "database": dsn.database,
        "charset": "utf8mb4",
        "connect_timeout": max(1, round(dsn.connect_seconds)),
        "read_timeout": LONGEST_STATEMENT_SECONDS + LONGEST_LOCK_SECONDS,
        "max_allowed_packet": _LARGEST_PACKET_BYTES,
        "ssl": _context(dsn) if secure else None,
    }
