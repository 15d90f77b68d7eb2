"""Where a Redis server is, and whether the client for it is installed. Imports no client."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit

from event_system.kernel.errors import MissingRedisError

_SCHEMES = ("redis", "rediss", "unix")
_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
MAX_DATABASE = 1_000_000


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """A server and how to use it; `timeout` is the seconds that a call may take."""

    url: str
    prefix: str = "event-system"
    pool_size: int = 8
    timeout: float = 0.1


def check_url(url: str) -> None:
    """Raise `ValueError` where this is no `redis://`, `rediss://` (TLS) or `unix://` URL."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError("is no URL such as redis://user:password@host:6379/0")
    if parts.scheme == "unix":
        return
    database = parts.path.strip("/")
    if not parts.hostname or parts.port == 0:  # `port` raises ValueError for what is none
        raise ValueError("names no host")
    if database and not (database.isdecimal() and int(database) <= MAX_DATABASE):
        raise ValueError("ends in no number of a database")
    if unknown := parse_qs(parts.query).keys() - _OPTIONS:
        raise ValueError(f"has the unknown option {min(unknown)[:40]}")


def place_of(url: str) -> str:
    """The URL without user, password and options, to be shown."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def demand_client() -> None:
    """Raises `MissingRedisError` where the extra is not installed."""
    if find_spec("redis") is None:
        raise MissingRedisError("redis.url needs redis: pip install 'event-system[redis]'")
