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
SUBJECT: Final[dict[str, Any]] = {"subject": "player-17", "last_offset": 42}
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
SCHEDULED_EVENT: Final[dict[str, Any]] = {
    "deliver_at": "2026-11-22T20:00:00.000Z",
    "accepted_at": "2026-11-21T12:00:00.123Z",
    "specversion": "1.0",
    "id": "auction-7-end",
    "source": "game-eu-1",
    "type": "auction.end",
    "subject": "auction-7",
    "time": "2026-11-22T20:00:00.000Z",
    "data": {"item": "sword"},
}
SCHEDULE_DEFINITION: Final[dict[str, Any]] = {
    "cron": "0 4 * * *",
    "time_zone": "Europe/Berlin",
    "event": {"type": "guild.tax.due", "data": {"percent": 3}},
    "jitter_seconds": 60,
}
SCHEDULE: Final[dict[str, Any]] = {
    "name": "guild-tax",
    "cron": "0 4 * * *",
    "time_zone": "Europe/Berlin",
    "event": {"type": "guild.tax.due", "source": "schedule", "data": {"percent": 3}},
    "jitter_seconds": 60,
    "catch_up": "one",
    "enabled": True,
    "start": None,
    "end": None,
    "next": "2026-11-22T03:00:17.402Z",
    "last": "2026-11-21T03:00:41.933Z",
    "last_offset": 7041,
    "fired": 12,
}
SCHEDULES: Final[dict[str, Any]] = {"schedules": [SCHEDULE]}
SCHEDULED_PAGE: Final[dict[str, Any]] = {"events": [SCHEDULED_EVENT], "next": None}
EVENT_PAGE: Final[dict[str, Any]] = {"events": [EVENT], "next": "NDIuOGYxYzJhM2I"}
EVENT_DETAIL: Final[dict[str, Any]] = {
    "event": EVENT,
    "deliveries": [
        {"listener": "greet", "mode": "sync", "state": "handled"},
        {
            "listener": "leaderboard",
            "mode": "async",
            "state": "retrying",
            "error": "KeyError: 'level'",
            "attempts": 2,
            "at": "2026-11-21T12:00:00.840Z",
            "due": "2026-11-21T12:00:03.127Z",
        },
    ],
}
DEAD_LETTER: Final[dict[str, Any]] = {
    "listener": "leaderboard",
    "offset": 42,
    "type": "player.level_up",
    "state": "dead",
    "attempts": 5,
    "error": "KeyError: 'level'",
    "first_failed_at": "2026-11-21T12:00:00.140Z",
    "last_failed_at": "2026-11-21T12:01:07.311Z",
    "died_at": "2026-11-21T12:01:07.311Z",
}
DEAD_LETTERS: Final[dict[str, Any]] = {"dead_letters": [DEAD_LETTER], "next": "bGVhZGVyYm9hcmQ"}
DEAD_LETTER_DETAIL: Final[dict[str, Any]] = {
    "dead_letter": {**DEAD_LETTER, "traceback": "Traceback (most recent call last):\n…"},
    "event": EVENT,
}
DEAD_LETTER_COUNT: Final[dict[str, Any]] = {"count": 17, "done": True}
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
    "paused_until": None,
}
PAUSED: Final[dict[str, Any]] = {
    **LISTENER,
    "state": "paused",
    "paused_until": "2026-11-21T13:00:00.000Z",
}
REMOVED: Final[dict[str, Any]] = {**LISTENER, "patterns": [], "state": "removed", "lag": 17}
LISTENERS: Final[dict[str, Any]] = {"listeners": [LISTENER]}
REPLAY: Final[dict[str, Any]] = {
    "id": 3,
    "listener": "leaderboard",
    "mode": "all",
    "state": "running",
    "from_offset": 1200,
    "until_offset": 91200,
    "offset": 31100,
    "progress": 0.3324,
    "handled": 29902,
    "failed": 0,
    "rate": 498.4,
    "rate_limit": 500.0,
    "started_at": "2026-11-21T12:00:00.123Z",
    "ended_at": None,
    "estimated_end": "2026-11-21T12:03:00.807Z",
    "detail": None,
}
REPLAY_CANCELLED: Final[dict[str, Any]] = {
    **REPLAY,
    "state": "cancelled",
    "rate": 0.0,
    "ended_at": "2026-11-21T12:01:00.412Z",
    "estimated_end": None,
}
REPLAYS: Final[dict[str, Any]] = {"replays": [REPLAY]}
CACHE: Final[dict[str, Any]] = {
    "entries": 812,
    "size_bytes": 514_816,
    "memory_hits": 90_117,
    "redis_hits": 2_204,
    "misses": 1_012,
    "hit_rate": 98.9,
    "load_errors": 0,
    "attached": True,
}
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
LINES: Final = (
    '{"specversion":"1.0","id":"login-4711","source":"eu-1","type":"player.login","offset":42}\n'
    '{"specversion":"1.0","id":"login-4712","source":"eu-1","type":"player.login","offset":43}\n'
)


def shown(name: str, summary: str, value: Any) -> Example:
    """An example under a name. Its value is encoded here: the framework would drop nulls."""
    return Example(id=name, summary=summary, value=msgspec.Raw(msgspec.json.encode(value)))
