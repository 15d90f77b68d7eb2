"""The settings of a database server: where it is, how many connections, what is slow."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from event_system.kernel.errors import InvalidDsnError
from event_system.node.quantities import Duration
from event_system.node.sections import Section
from event_system.sql.dsn import Dsn, parse_dsn

SECOND = timedelta(seconds=1)


class PoolSection(Section):
    """Connections to each server, replicas too; batch listeners have a pool of their own."""

    max_open_conns: int = Field(25, description="Connections at most.", ge=4, le=1000)
    max_idle_conns: int = Field(5, description="Idle connections that are kept.", ge=1, le=1000)
    conn_max_lifetime: Duration = Field(
        300 * SECOND, description="A connection this old is replaced.", ge=SECOND
    )
    conn_max_idle_time: Duration = Field(
        60 * SECOND, description="A connection that has idled for this long is replaced.", ge=SECOND
    )
    wait: Duration = Field(
        5 * SECOND,
        description="How long a request waits for a connection before it gets 503.",
        ge=SECOND / 100,
        le=60 * SECOND,
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_idle_conns > self.max_open_conns:
            raise ValueError("max_idle_conns is above max_open_conns")
        return self


class DatabaseSettings(Section):
    """A PostgreSQL, MySQL or MariaDB server for events and state."""

    enabled: bool = Field(
        False, description="Store in the database that `dsn` names, not in files of `data_dir`."
    )
    dsn: SecretStr | None = Field(
        None,
        description="`user:password@tcp(host:3306)/name` for MySQL and MariaDB, or a URL such as "
        "`postgresql://user:password@host:5432/name`.",
    )
    dsn_file: str | None = Field(None, description="A file that holds the connection string.")
    replicas: list[SecretStr] = Field(
        [],
        description="Connection strings of read replicas, for searches of the past.",
        max_length=16,
    )
    pool: PoolSection = Field(PoolSection(), description="Connections.")
    slow_query_log: bool = Field(True, description="Write slow statements to the node's log.")
    slow_query_threshold: Duration = Field(
        SECOND, description="A statement that takes longer is slow.", ge=SECOND / 1000
    )
    poll_interval: Duration = Field(
        SECOND / 50,
        description="How often to look for events that other nodes have stored.",
        ge=SECOND / 1000,
        le=10 * SECOND,
    )
    wait: Duration = Field(
        30 * SECOND,
        description="How long the start waits for a server that does not answer yet.",
        ge=timedelta(0),
        le=3600 * SECOND,
    )

    @field_validator("dsn")
    @classmethod
    def _readable(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None:
            _parsed(dsn)
        return dsn

    @field_validator("replicas")
    @classmethod
    def _all_readable(cls, replicas: list[SecretStr]) -> list[SecretStr]:
        for replica in replicas:
            _parsed(replica)
        return replicas

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled and self.dsn is None:
            raise ValueError("enabled needs `dsn` or `dsn_file`")
        if self.dsn is not None:
            dialect = _parsed(self.dsn).dialect
            if any(_parsed(replica).dialect != dialect for replica in self.replicas):
                raise ValueError(f"replicas have to be of the same kind as dsn, {dialect}")
        return self

    @property
    def address(self) -> Dsn:
        """What `dsn` says. Raises `InvalidDsnError` where there is none."""
        if self.dsn is None:
            raise InvalidDsnError("No database is configured", where="database.dsn")
        return _parsed(self.dsn)

    @property
    def replica_addresses(self) -> list[Dsn]:
        return [_parsed(replica) for replica in self.replicas]


def _parsed(dsn: SecretStr) -> Dsn:
    try:
        return parse_dsn(dsn.get_secret_value())
    except InvalidDsnError as error:
        raise ValueError(error.detail) from None
