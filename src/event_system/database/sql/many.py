"""Many rows in one statement, of the same text however many there are.

PostgreSQL takes an array for each column; the drivers of MySQL make one statement of many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from event_system.sql.metadata import Name

Row: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Any, Any], Any]
"""The value of a column from what it is and what comes."""

MOST_ROWS: Final = 1_000
MOST_BYTES: Final = 4 * 1024 * 1024


def replaced(_old: Any, new: Any) -> Any:
    return new


def furthest(old: Any, new: Any) -> Any:
    return sa.func.greatest(old, new)


def added(old: Any, new: Any) -> Any:
    return old + new


class Upsert:
    """Inserts rows, or changes those that are there already under the same key."""

    def __init__(
        self, table: sa.Table, columns: Sequence[str], key: Sequence[str], **changes: Change
    ) -> None:
        self._key = tuple(key)
        self._columns = tuple(columns)
        self._postgresql = _on_postgresql(table, self._columns, self._key, changes)
        self._mysql = _on_mysql(table, changes)

    def run(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """One statement for all rows, in their order where some have the same key."""
        for wave in self._waves(rows):
            if connection.dialect.name == "postgresql":
                arrays = {name: [row[name] for row in wave] for name in self._columns}
                connection.execute(self._postgresql, arrays)
            else:
                connection.execute(self._mysql, wave)

    def _waves(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """No statement changes a row twice, nor is it of any size."""
        wave: dict[tuple[Any, ...], Row] = {}
        size = 0
        for row in rows:
            key = tuple(row[name] for name in self._key)
            if wave and (key in wave or len(wave) == MOST_ROWS or size > MOST_BYTES):
                yield list(wave.values())
                wave, size = {}, 0
            wave[key] = row
            size += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if wave:
            yield list(wave.values())


def _on_postgresql(
    table: sa.Table, columns: Sequence[str], key: Sequence[str], changes: Mapping[str, Change]
) -> sa.Insert:
    arrays = [sa.bindparam(name, type_=_array_of(table.c[name])) for name in columns]
    rows = sa.func.unnest(*arrays).table_valued(*columns).render_derived("fresh")
    insert = postgresql.insert(table).from_select(columns, sa.select(*rows.c))
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=key)
    return insert.on_conflict_do_update(
        index_elements=key,
        set_={
            name: change(table.c[name], insert.excluded[name]) for name, change in changes.items()
        },
    )


def _on_mysql(table: sa.Table, changes: Mapping[str, Change]) -> sa.Insert:
    insert = mysql.insert(table)
    if not changes:
        key = next(iter(table.primary_key))  # IGNORE would pass over other faults too, and warn
        return insert.on_duplicate_key_update({key.name: key})
    return insert.on_duplicate_key_update(
        {name: change(table.c[name], insert.inserted[name]) for name, change in changes.items()}
    )


def one_of(
    connection: sa.Connection, column: sa.Column[Any], values: Collection[Any]
) -> sa.ColumnElement[bool]:
    """Whether a column has one of these values."""
    if connection.dialect.name == "postgresql":
        array = sa.bindparam(None, list(values), type_=_array_of(column))
        return column == sa.any_(array)
    return column.in_(values)


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Slices that one statement takes."""
    for start in range(0, len(values), MOST_ROWS):
        yield values[start : start + MOST_ROWS]


def _array_of(column: sa.Column[Any]) -> Any:
    type_ = sa.String() if isinstance(column.type, Name) else column.type
    return postgresql.ARRAY(type_)
