"""The settings of the collectors: which servers' figures a node serves beside its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from event_system.kernel.errors import InvalidDsnError
from event_system.node.quantities import Duration
from event_system.node.sections import Names, Section
from event_system.redis.address import check_url
from event_system.sql.dsn import Dialect, parse_dsn

SECOND = timedelta(seconds=1)
MOST = 16


def _each(check: Callable[[str], None]) -> AfterValidator:
    """Lets a check see every address of a list."""

    def checked(addresses: list[SecretStr]) -> list[SecretStr]:
        for address in addresses:
            check(address.get_secret_value())
        return addresses

    return AfterValidator(checked)


def _database(dialect: Dialect) -> Callable[[str], None]:
    def check(text: str) -> None:
        try:
            found = parse_dsn(text).dialect
        except InvalidDsnError as error:
            raise ValueError(error.detail) from None
        if found != dialect:
            raise ValueError(f"is an address of {found}, not of {dialect}")

    return check


def _web(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is no URL such as http://user:password@host:15672")
    if parts.query or parts.fragment:
        raise ValueError("has a query: only scheme, user, host, port and path belong there")


class CollectorSettings(Section):
    """Servers that nodes with the role `ops` read, besides those that the node itself uses."""

    own: bool = Field(
        True, description="Read what the node itself uses: the database, Redis, a backbone of NATS."
    )
    interval: Duration = Field(
        15 * SECOND,
        description="How often each server is read.",
        ge=SECOND,
        le=3600 * SECOND,
    )
    timeout: Duration = Field(
        5 * SECOND,
        description="How long reading a server may take; after that it counts as down.",
        ge=SECOND / 10,
        le=60 * SECOND,
    )
    slow_query: Duration = Field(
        SECOND,
        description="A statement on a database server that has run for so long is slow.",
        ge=SECOND / 100,
    )
    postgresql: Annotated[list[SecretStr], _each(_database("postgresql"))] = Field(
        [], description="Addresses such as `postgresql://user:password@host/name`.", max_length=MOST
    )
    mysql: Annotated[list[SecretStr], _each(_database("mysql"))] = Field(
        [],
        description="Addresses of MySQL and MariaDB, in the forms of `database.dsn`.",
        max_length=MOST,
    )
    redis: Annotated[list[SecretStr], _each(check_url)] = Field(
        [], description="Addresses in the forms of `redis.url`.", max_length=MOST
    )
    rabbitmq: Annotated[list[SecretStr], _each(_web)] = Field(
        [],
        description="Addresses of the management plugin, `http://user:password@host:15672`.",
        max_length=MOST,
    )
    nats: Annotated[list[SecretStr], _each(_web)] = Field(
        [], description="Addresses of the monitoring port, `http://host:8222`.", max_length=MOST
    )
    dead_letters: Names = Field(
        ["*dead*", "*dlq*", "*dlx*"],
        description="Queues and streams for dead letters, by pattern; `*` is any characters.",
        max_length=64,
    )
