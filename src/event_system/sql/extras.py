"""Whether the libraries that speak to a kind of server are installed. Imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from event_system.kernel.errors import MissingDriverError
from event_system.sql.dsn import Dialect

_MODULES: Mapping[Dialect, tuple[str, ...]] = {
    "postgresql": ("sqlalchemy", "alembic", "asyncpg", "psycopg"),
    "mysql": ("sqlalchemy", "alembic", "asyncmy", "pymysql"),
}
_EXTRAS: Mapping[Dialect, str] = {"postgresql": "postgres", "mysql": "mysql"}


def demand(dialect: Dialect) -> None:
    """Raises `MissingDriverError` where the extra of this dialect is not installed."""
    absent = [name for name in _MODULES[dialect] if find_spec(name) is None]
    if absent:
        raise MissingDriverError(
            f"{dialect} needs {', '.join(absent)}: pip install 'event-system[{_EXTRAS[dialect]}]'"
        )
