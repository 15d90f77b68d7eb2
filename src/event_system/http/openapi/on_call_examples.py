"""Examples of answers about who is on call."""

from __future__ import annotations

from typing import Any, Final

_SHIFT: Final[dict[str, Any]] = {
    "start": "2026-11-23T01:00:00.000Z",
    "end": "2026-11-30T01:00:00.000Z",
    "people": ["wang"],
    "kind": "layer",
    "by": "weekly",
}
NOW: Final[dict[str, Any]] = {
    "at": "2026-11-21T12:00:00.000Z",
    "schedules": [
        {
            "schedule": "primary",
            "people": ["li"],
            "since": "2026-11-16T01:00:00.000Z",
            "until": "2026-11-23T01:00:00.000Z",
            "override": None,
            "next": _SHIFT,
        }
    ],
}
PEOPLE: Final[dict[str, Any]] = {
    "people": [
        {
            "name": "li",
            "full_name": "Li Wei",
            "full_name_zh": "李伟",
            "time_zone": "Asia/Shanghai",
            "language": "zh",
            "methods": ["email", "phone"],
            "works_now": False,
            "feed": None,
        }
    ]
}
SCHEDULES: Final[dict[str, Any]] = {
    "schedules": [
        {
            "name": "primary",
            "description": "Whoever answers first",
            "time_zone": "Asia/Shanghai",
            "calendar": "office",
            "layers": ["weekly"],
            "feed": "/api/on-call/schedules/primary.ics?token=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        }
    ]
}
SHIFTS: Final[dict[str, Any]] = {"schedule": "primary", "shifts": [_SHIFT], "gaps": []}
OVERRIDE: Final[dict[str, Any]] = {
    "id": "019d2f3c81b4000000a17f3e9c2b5d60",
    "schedule": "primary",
    "person": "wang",
    "start": "2026-11-22T04:00:00.000Z",
    "end": "2026-11-22T10:00:00.000Z",
    "note": "dentist",
    "by": "li",
    "created": "2026-11-21T12:00:00.000Z",
}
OVERRIDES: Final[dict[str, Any]] = {"overrides": [OVERRIDE]}
NEW_OVERRIDE: Final[dict[str, Any]] = {
    "schedule": "primary",
    "person": "wang",
    "start": "2026-11-22T04:00:00Z",
    "end": "2026-11-22T10:00:00Z",
    "note": "dentist",
}

FEED: Final = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//event-system//on-call//EN
BEGIN:VEVENT
SUMMARY:Li Wei (primary)
DTSTART:20261116T010000Z
DTEND:20261123T010000Z
DTSTAMP:20261121T120000Z
UID:9f2c6d0b7c1f4a5e8d3b2a1908f7e6d5@event-system
END:VEVENT
END:VCALENDAR
"""
