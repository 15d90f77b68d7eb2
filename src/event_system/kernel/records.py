"""A place for small states that live in memory and must outlive the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from event_system.kernel.errors import StorageError

Changes: TypeAlias = Mapping[str, Mapping[str, bytes | None]]
"""By kind and key; None forgets."""

T = TypeVar("T")


class Records(Protocol):
    """Values by kind and key, whose owner holds all of a kind in memory.

    One process writes at a time; on servers a writer that has lost its task to another node is
    refused with `LeaseLostError`, and nothing of its change is stored.
    """

    async def load(self, kind: str) -> dict[str, bytes]:
        """All of a kind. Raises `StorageError`."""

    async def save(self, changes: Changes) -> None:
        """Store all or nothing; on stable storage once it returns. Calls keep their order.

        What is saved while a transaction is on its way to the disk forms the next one. Raises
        `StorageError`.
        """


async def load_all(records: Records, kind: str, type_: type[T]) -> dict[str, T]:
    """All of a kind, as `encoded` has written it.

    Raises `StorageError`, also where a value is no such thing.
    """
    decode = msgspec.msgpack.Decoder(type_).decode
    found: dict[str, T] = {}
    for key, value in (await records.load(kind)).items():
        try:
            found[key] = decode(value)
        except msgspec.DecodeError as error:
            raise StorageError(f"a record of `{kind}` cannot be read: {key}: {error}") from error
    return found


def encoded(rows: Mapping[str, Any]) -> dict[str, bytes | None]:
    """Rows of a kind as they are saved; None forgets."""
    encode = msgspec.msgpack.encode
    return {key: None if row is None else encode(row) for key, row in rows.items()}
