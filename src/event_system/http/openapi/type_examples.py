"""Examples of the requests and answers about event types."""

from __future__ import annotations

from typing import Any, Final

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["level"],
    "properties": {"level": {"type": "integer", "minimum": 1}},
}
NEW_TYPE: Final[dict[str, Any]] = {
    "owner": "team-progress",
    "description": "A player reached a new level.",
    "mode": "strict",
    "max_size": 4096,
    "rate_limit": {"per_second": 1000, "burst": 2000},
    "schema": SCHEMA,
}
SUMMARY: Final[dict[str, Any]] = {
    "name": "player.level_up",
    "owner": "team-progress",
    "description": "A player reached a new level.",
    "enabled": True,
    "mode": "strict",
    "compatibility": "backward",
    "deprecated": None,
    "rate_limit": {"per_second": 1000.0, "burst": 2000},
    "max_size": 4096,
    "current": 1,
    "revision": 1,
    "updated_at": "2026-11-21T12:00:00.000Z",
    "origin": "api",
}
TYPE: Final[dict[str, Any]] = {
    **SUMMARY,
    "versions": [
        {"version": 1, "schema": SCHEMA, "note": "", "created_at": "2026-11-21T12:00:00.000Z"}
    ],
}
PAGE: Final[dict[str, Any]] = {"types": [SUMMARY], "next": None}
NEW_VERSION: Final[dict[str, Any]] = {
    "note": "the class of the player",
    "schema": {
        **SCHEMA,
        "properties": {**SCHEMA["properties"], "class": {"enum": ["mage", "rogue"]}},
    },
}
DELETED: Final[dict[str, Any]] = {"name": "player.level_up", "deleted": True}
TRIAL: Final[dict[str, Any]] = {"data": {"level": 0}}
REPORT: Final[dict[str, Any]] = {
    "ok": False,
    "version": 1,
    "faults": [
        {
            "where": "$.data.level",
            "detail": "0 is less than the minimum of 1",
            "keyword": "#/properties/level/minimum",
        }
    ],
    "incompatibilities": [],
}
