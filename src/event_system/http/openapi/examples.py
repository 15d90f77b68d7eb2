"""Examples of requests and answers, as the API documentation shows them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.openapi.spec import Example

ID: Final = "019d2f3c81b4000000a17f3e9c2b5d60"

SHORT: Final[dict[str, Any]] = {
    "type": "player.level_up",
    "subject": "player-17",
    "data": {"level": 10},
}
STRUCTURED: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "login-4711",
    "source": "/game/eu-1",
    "type": "player.login",
    "subject": "player-17",
    "time": "2026-11-21T12:00:00Z",
    "data": {"client": "2.4.1"},
}
NDJSON: Final = (
    '{"type":"player.login","subject":"player-17"}\n'
    '{"type":"player.logout","subject":"player-17"}\n'
)

RECEIPT: Final[dict[str, Any]] = {
    "id": ID,
    "offset": 42,
    "duplicate": False,
    "results": [
        {"listener": "greet", "ms": 0.03, "result": "Level 10, player-17!"},
    ],
}
BATCH_RECEIPT: Final[dict[str, Any]] = {
    "accepted": 1,
    "duplicates": 1,
    "events": [
        {"id": ID, "offset": 43, "duplicate": False},
        {"id": "login-4711", "offset": 12, "duplicate": True},
    ],
    "faults": [],
}
EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": ID,
    "source": "game-eu-1",
    "type": "player.level_up",
    "subject": "player-17",
    "time": "2026-11-21T12:00:00.123Z",
    "received_at": "2026-11-21T12:00:00.123Z",
    "offset": 42,
    "lane": 5,
    "data": {"level": 10},
}
EVENT_PAGE: Final[dict[str, Any]] = {"events": [EVENT], "next": "NDIuOGYxYzJhM2I"}
EVENT_DETAIL: Final[dict[str, Any]] = {
    "event": EVENT,
    "deliveries": [
        {"listener": "greet", "mode": "sync", "state": "handled"},
        {
            "listener": "leaderboard",
            "mode": "async",
            "state": "failed",
            "error": "KeyError: 'level'",
            "attempts": 1,
            "at": "2026-11-21T12:00:00.140Z",
        },
    ],
}
SELF_TEST: Final[dict[str, Any]] = {
    "ok": True,
    "id": ID,
    "stages": [
        {"stage": "accepted", "ok": True, "ms": 0.021},
        {"stage": "logged", "ok": True, "ms": 1.704, "offset": 44},
        {
            "stage": "handled",
            "ok": True,
            "ms": 2.318,
            "listeners": [
                {"listener": "event-system.self-test", "mode": "async", "state": "handled"}
            ],
        },
        {"stage": "recorded", "ok": True, "ms": 0.412},
    ],
}
LISTENER: Final[dict[str, Any]] = {
    "name": "leaderboard",
    "patterns": ["player.level_up"],
    "mode": "async",
    "priority": 0,
    "filter": "event.data.level >= 10",
    "timeout": 30.0,
    "batch": 500,
    "state": "running",
    "handled": 1200,
    "errors": 0,
    "rate": 40.0,
    "error_rate": 0.0,
    "lag": 0,
    "cursors": {"0": 41, "1": 42},
    "last_error": None,
}
LISTENERS: Final[dict[str, Any]] = {"listeners": [LISTENER]}
HEALTH: Final[dict[str, Any]] = {
    "status": "ok",
    "timestamp": "2026-11-21T12:00:00Z",
    "components": {"event_manager": "ok", "database": "ok", "metrics": "ok"},
}
STREAM: Final = (
    "retry: 2000\n\n"
    "id: 42\nevent: event\n"
    'data: {"specversion":"1.0","id":"login-4711","type":"player.login","offset":42}\n\n'
    'event: gap\ndata: {"from":43,"to":1066}\n\n'
    "id: 1067\nevent: event\n"
    'data: {"specversion":"1.0","id":"login-5735","type":"player.login","offset":1067}\n\n'
)


def shown(name: str, summary: str, value: Any) -> Example:
    """An example under a name. Its value is encoded here: the framework would drop nulls."""
    return Example(id=name, summary=summary, value=msgspec.Raw(msgspec.json.encode(value)))
