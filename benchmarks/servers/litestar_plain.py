"""The same work as one would write it by hand: a Litestar route, SQLAlchemy, a commit a request.

`python -m benchmarks.servers.litestar_plain PORT DIRECTORY`. SQLite in WAL mode with
synchronous=FULL, a unique index for duplicates, the engine's own pool.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import uvicorn
from litestar import Litestar, Request, post
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import create_async_engine

KEYS = {hashlib.sha256(b"esk_benchmark").hexdigest(): "bench"}
METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("offset", Integer, primary_key=True),
    Column("type", String(255), nullable=False),
    Column("source", String(255), nullable=False),
    Column("id", String(255), nullable=False),
    Column("subject", String(255)),
    Column("data", Text),
    UniqueConstraint("source", "id"),
)


def build(directory: str) -> Litestar:
    engine = create_async_engine(f"sqlite+aiosqlite:///{directory}/plain.db")

    def durable(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=10000")

    event.listen(engine.sync_engine, "connect", durable)

    async def create() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)

    @post("/api/events/trigger", status_code=200)
    async def trigger(request: Request[Any, Any, Any], data: dict[str, Any]) -> dict[str, Any]:
        key = request.headers["authorization"].removeprefix("Bearer ")
        source = KEYS[hashlib.sha256(key.encode()).hexdigest()]
        row = {**data, "source": source, "data": str(data.get("data"))}
        async with engine.begin() as connection:
            statement = (
                insert(EVENTS).values(row).on_conflict_do_nothing().returning(EVENTS.c.offset)
            )
            offset = (await connection.execute(statement)).scalar()
        return {"id": data["id"], "offset": offset, "duplicate": offset is None}

    return Litestar([trigger], on_startup=[create], openapi_config=None)


if __name__ == "__main__":
    uvicorn.run(
        build(sys.argv[2]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )
