"""The address of a database server, in the forms that people have at hand.

- `user:password@tcp(host:3306)/database?charset=utf8mb4&parseTime=True&loc=Local` (Go's driver of
  MySQL; also `unix(/run/mysqld/mysqld.sock)`),
- `postgresql://user:password@host:5432/database?sslmode=require` (libpq), `mysql://…`,
  `mariadb://…`, and SQLAlchemy's `postgresql+asyncpg://…`, `mysql+asyncmy://…`.

In a URL `@ : / ? # %` inside a name or a password are percent-encoded; Go's form takes them as
they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, quote, unquote

from event_system.kernel.errors import InvalidDsnError

Dialect: TypeAlias = Literal["postgresql", "mysql"]
TlsMode: TypeAlias = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
"""As libpq's `sslmode`; `prefer` is plain text to MySQL."""

LONGEST = 4096
PORTS: Mapping[Dialect, int] = {"postgresql": 5432, "mysql": 3306}

_SCHEMES: Mapping[str, Dialect] = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_DRIVERS = {"asyncpg", "psycopg", "psycopg2", "asyncmy", "aiomysql", "pymysql", "mysqldb"}
_URL = re.compile(r"(?P<scheme>[a-z0-9]+)(?:\+(?P<driver>[a-z0-9]+))?://(?P<rest>.*)", re.DOTALL)
_GO = re.compile(
    r"(?:(?P<user>[^:]*?)(?::(?P<password>.*))?@)?(?:(?P<net>[a-z0-9]+)(?:\((?P<at>.*)\))?)?",
    re.DOTALL,
)
_PLACE = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?)\]|(?P<host>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?"
)
_DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>ms|s|m)?")
_SECONDS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0}
_GO_TLS: Mapping[str, TlsMode] = {
    "true": "verify-full",
    "false": "disable",
    "skip-verify": "require",
    "preferred": "prefer",
}
_TLS_MODES: tuple[TlsMode, ...] = ("disable", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a database is and who asks. `str()` and `repr()` never show the password.

    `socket` is the path of a Unix socket (for PostgreSQL its directory) in place of host and port.
    """

    dialect: Dialect
    host: str
    port: int
    user: str
    database: str
    password: str = field(default="", repr=False)
    socket: str | None = None
    tls: TlsMode = "prefer"
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    connect_seconds: float = 10.0

    def __str__(self) -> str:
        place = self.socket or f"{_bracketed(self.host)}:{self.port}"
        return f"{self.dialect}://{self.user}@{place}/{self.database}"

    @property
    def url(self) -> str:
        """The same address as a URL that `parse_dsn` reads, with the password in it."""
        who = quote(self.user, safe="")
        if self.password:
            who += f":{quote(self.password, safe='')}"
        place = "" if self.socket else f"{_bracketed(self.host)}:{self.port}"
        given = {
            "host" if self.dialect == "postgresql" else "unix_socket": self.socket,
            "port": str(self.port) if self.socket and self.dialect == "postgresql" else None,
            "sslmode": self.tls,
            "sslrootcert": self.tls_ca,
            "sslcert": self.tls_certificate,
            "sslkey": self.tls_key,
            "connect_timeout": f"{round(self.connect_seconds * 1000)}ms",
        }
        options = "&".join(f"{name}={quote(text, safe='')}" for name, text in given.items() if text)
        return f"{self.dialect}://{who}@{place}/{quote(self.database, safe='')}?{options}"


def parse_dsn(text: str) -> Dsn:
    """Read an address. Raises `InvalidDsnError`, which never quotes the password."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise InvalidDsnError(f"A DSN is 1 to {LONGEST} printable characters")
    dsn = _from_url(match) if (match := _URL.fullmatch(text)) else _from_go(text)
    if not dsn.user:
        raise InvalidDsnError("The DSN names no user")
    if not dsn.database:
        raise InvalidDsnError("The DSN names no database; it ends in /NAME")
    return dsn


def _from_url(match: re.Match[str]) -> Dsn:
    dialect, driver = _SCHEMES.get(match["scheme"]), match["driver"]
    if dialect is None:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise InvalidDsnError(f"Unknown scheme {match['scheme']}://; known are {known}")
    if driver is not None and driver not in _DRIVERS:
        raise InvalidDsnError(f"Unknown driver {driver}")
    rest, _, query = match["rest"].partition("?")
    head, _, database = rest.partition("/")
    who, _, place = head.rpartition("@")
    user, _, password = who.partition(":")
    host, port = _place(place, dialect)
    plain = Dsn(
        dialect=dialect,
        host=host,
        port=port,
        user=unquote(user),
        password=unquote(password),
        database=unquote(database),
    )
    return _with_options(plain, query)


def _from_go(text: str) -> Dsn:
    head, slash, tail = text.rpartition("/")
    if not slash or (match := _GO.fullmatch(head)) is None:
        raise InvalidDsnError(
            "Neither user:password@tcp(host:port)/database nor a URL such as "
            "postgresql://user:password@host/database; write a / inside the options as %2F"
        )
    database, _, query = tail.partition("?")
    net, at = match["net"] or "tcp", match["at"] or ""
    if net not in ("tcp", "unix"):
        raise InvalidDsnError("The network of a DSN is tcp(host:port) or unix(/path)")
    host, port = _place(at if net == "tcp" else "", "mysql")
    plain = Dsn(
        dialect="mysql",
        host=host,
        port=port,
        user=match["user"] or "",
        password=match["password"] or "",
        database=unquote(database),
        socket=at if net == "unix" else None,
    )
    if net == "unix" and not at.startswith("/"):
        raise InvalidDsnError("unix(…) needs the absolute path of a socket")
    return _with_options(plain, query)


def _place(text: str, dialect: Dialect) -> tuple[str, int]:
    if (match := _PLACE.fullmatch(text)) is None:
        raise InvalidDsnError("The host is a name or an address, an IPv6 one in brackets: [::1]")
    port = int(match["port"] or PORTS[dialect])
    if not 0 < port < 65536:
        raise InvalidDsnError("The port is a number from 1 to 65535")
    return match["v6"] or match["host"] or "127.0.0.1", port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _with_options(plain: Dsn, query: str) -> Dsn:
    changes: dict[str, Any] = {}
    readers = _OPTIONS[plain.dialect]
    for name, value in parse_qsl(query, keep_blank_values=True):
        if (reader := readers.get(name)) is None:
            known = ", ".join(readers)
            raise InvalidDsnError(f"Unknown option {name!r} of {plain.dialect}; known are {known}")
        try:
            changes |= reader(value)
        except ValueError as error:
            raise InvalidDsnError(f"Option {name}: {error}") from None
    return replace(plain, **changes)


def _meaningless(_value: str) -> dict[str, Any]:
    """Of Go's driver: how its caller wants times. Ours are numbers."""
    return {}


def _charset(value: str) -> dict[str, Any]:
    if any(name != "utf8mb4" for name in value.split(",")):
        raise ValueError("only utf8mb4 can hold every event")
    return {}


def _collation(value: str) -> dict[str, Any]:
    if not value.startswith("utf8mb4_"):
        raise ValueError("a collation of utf8mb4 is needed")
    return {}


def _go_tls(value: str) -> dict[str, Any]:
    if (mode := _GO_TLS.get(value.lower())) is None:
        raise ValueError(f"one of {', '.join(_GO_TLS)}")
    return {"tls": mode}


def _sslmode(value: str) -> dict[str, Any]:
    mode = "prefer" if value == "allow" else value
    if mode not in _TLS_MODES:
        raise ValueError(f"one of {', '.join(_TLS_MODES)}")
    return {"tls": mode}


def _duration(value: str) -> dict[str, Any]:
    if (match := _DURATION.fullmatch(value)) is None:
        raise ValueError("seconds, or e.g. 500ms, 5s, 1m")
    seconds = int(match["count"]) * _SECONDS[match["unit"]]
    if not 0 < seconds <= 300:
        raise ValueError("more than 0 and at most 300 seconds")
    return {"connect_seconds": seconds}


def _path(name: str) -> Callable[[str], dict[str, Any]]:
    def read(value: str) -> dict[str, Any]:
        if not value.startswith("/"):
            raise ValueError("an absolute path")
        return {name: value}

    return read


def _postgres_host(value: str) -> dict[str, Any]:
    return {"socket": value} if value.startswith("/") else {"host": value}


def _port(value: str) -> dict[str, Any]:
    if not re.fullmatch("[0-9]{1,5}", value) or not 0 < int(value) < 65536:
        raise ValueError("a number from 1 to 65535")
    return {"port": int(value)}


_TLS_FILES = {
    "sslrootcert": _path("tls_ca"),
    "sslcert": _path("tls_certificate"),
    "sslkey": _path("tls_key"),
}
_OPTIONS: Mapping[Dialect, Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "postgresql": {
        "sslmode": _sslmode,
        **_TLS_FILES,
        "connect_timeout": _duration,
        "host": _postgres_host,
        "port": _port,
        "application_name": _meaningless,
    },
    "mysql": {
        "charset": _charset,
        "collation": _collation,
        "parseTime": _meaningless,
        "loc": _meaningless,
        "timeout": _duration,
        "connect_timeout": _duration,
        "tls": _go_tls,
        "sslmode": _sslmode,
        **_TLS_FILES,
        "unix_socket": _path("socket"),
    },
}
