"""The one `MetaData` of all tables, and the column types that mean the same on every server.

Text compares byte by byte, in the order of its bytes, trailing spaces included, as in the
embedded stores. MySQL and MariaDB share no collation that does so, hence `VARBINARY` there:
Python gives and gets `str`, a statement written by hand may too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TABLE_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_default_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_row_format": "DYNAMIC",
}
"""What every table is given: `sa.Table(…, **TABLE_OPTIONS)`."""

Offset = Micros = Key = sa.BigInteger
"""A position in the log; microseconds since 1970 UTC; a 64-bit hash or number."""

_BYTES_A_CHARACTER = 4


class Name(sa.types.TypeDecorator[str]):
    """Up to `length` characters that are compared byte by byte; may be a key or indexed."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Text(collation="C"))
        return dialect.type_descriptor(mysql.VARBINARY(self.length * _BYTES_A_CHARACTER))

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.encode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return value.decode() if isinstance(value, bytes | bytearray) else value


Text = sa.Text(collation="C").with_variant(
    mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
)
"""Text of any length that is no key: JSON of ours, messages of errors."""

Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
"""Bytes of any length."""
