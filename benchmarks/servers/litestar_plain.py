"""The same work as one would write it by hand: a Litestar route, SQLAlchemy, a commit a request.

`python -m benchmarks.servers.litestar_plain PORT ENGINE DIRECTORY`. SQLite in WAL mode with
synchronous=FULL, a unique index for duplicates, the engine's own pool. ENGINE is `threads` (the
blocking engine in a plain function with `sync_to_thread`), `loop` (the blocking engine on the
event loop) or `aiosqlite`.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from litestar import Litestar, Request, post
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import (
    Column,
    Engine,
    Insert,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import create_async_engine

FILE = "plain.db"
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


def build(engine: str, directory: str) -> Litestar:
    make: Callable[[str], HTTPRouteHandler]
    make = {"threads": _in_threads, "loop": _on_loop, "aiosqlite": _with_aiosqlite}[engine]
    return Litestar([make(f"{directory}/{FILE}")], openapi_config=None)


def count_rows(directory: str) -> int:
    """Events that the route has stored."""
    connection = sqlite3.connect(f"{directory}/{FILE}")
    count = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    connection.close()
    return int(count)


def _in_threads(path: str) -> HTTPRouteHandler:
    engine = _blocking(path)

    @post("/api/events/trigger", status_code=200, sync_to_thread=True)
    def trigger(request: Request[Any, Any, Any], data: dict[str, Any]) -> dict[str, Any]:
        with engine.begin() as connection:
            return _answer(data, connection.execute(_statement(request, data)).scalar())

    return trigger


def _on_loop(path: str) -> HTTPRouteHandler:
    engine = _blocking(path)

    @post("/api/events/trigger", status_code=200)
    async def trigger(request: Request[Any, Any, Any], data: dict[str, Any]) -> dict[str, Any]:
        with engine.begin() as connection:
            return _answer(data, connection.execute(_statement(request, data)).scalar())

    return trigger


def _with_aiosqlite(path: str) -> HTTPRouteHandler:
    _blocking(path).dispose()  # makes the tables
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    event.listen(engine.sync_engine, "connect", _durable)

    @post("/api/events/trigger", status_code=200)
    async def trigger(request: Request[Any, Any, Any], data: dict[str, Any]) -> dict[str, Any]:
        async with engine.begin() as connection:
            return _answer(data, (await connection.execute(_statement(request, data))).scalar())

    return trigger


def _blocking(path: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _durable)
    METADATA.create_all(engine)
    return engine


def _durable(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=10000")


def _statement(request: Request[Any, Any, Any], data: dict[str, Any]) -> Insert:
    key = request.headers["authorization"].removeprefix("Bearer ")
    source = KEYS[hashlib.sha256(key.encode()).hexdigest()]
    row = {**data, "source": source, "data": str(data.get("data"))}
    return insert(EVENTS).values(row).on_conflict_do_nothing().returning(EVENTS.c.offset)


def _answer(data: dict[str, Any], offset: int | None) -> dict[str, Any]:
    return {"id": data["id"], "offset": offset, "duplicate": offset is None}


if __name__ == "__main__":
    uvicorn.run(
        build(sys.argv[2], sys.argv[3]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )
