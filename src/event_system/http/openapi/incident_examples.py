"""Examples of the routes of incidents."""

from __future__ import annotations

from typing import Any, Final

_SUMMARY: Final[dict[str, Any]] = {
    "id": "INC-20261121-0001",
    "title": "The error rate of event-system is high",
    "level": "P1",
    "service": "event-system",
    "state": "acknowledged",
    "version": 9,
    "assignee": "ann",
    "started": "2026-11-21T12:00:00.000Z",
    "opened": "2026-11-21T12:00:05.000Z",
    "updated": "2026-11-21T12:03:00.000Z",
    "paged": "2026-11-21T12:00:06.000Z",
    "acknowledged": "2026-11-21T12:03:00.000Z",
    "mitigated": None,
    "resolved": None,
    "closed": None,
    "snoozed_until": None,
    "flaps": 0,
    "reopened": 0,
    "merged_into": "",
    "postmortem": "",
}
INCIDENTS: Final[dict[str, Any]] = {"incidents": [_SUMMARY], "next": None}
INCIDENT: Final[dict[str, Any]] = {
    **_SUMMARY,
    "alerts": [
        {
            "fingerprint": "a1b2c3d4e5f60718",
            "name": "HTTPErrorRateHigh",
            "labels": {"alertname": "HTTPErrorRateHigh", "job": "event-system", "level": "P1"},
            "annotations": {"summary": "The error rate of event-system is high"},
            "starts": "2026-11-21T12:00:00.000Z",
            "ends": None,
            "value": "0.12",
            "flaps": 0,
            "because": "it opened the incident",
            "because_zh": "由它触发了本次事故",
            "url": "",
        }
    ],
    "firing": 1,
    "timeline": [
        {
            "at": "2026-11-21T12:03:00.000Z",
            "who": "ann",
            "what": "acknowledged",
            "text": "",
            "facts": {},
            "told": "Acknowledged",
            "told_zh": "已确认",
        }
    ],
    "pages": [],
    "links": [
        {"title": "runbook", "url": "docs/runbooks/HTTPErrorRateHigh.md"},
        {
            "title": "its own events",
            "url": "http://127.0.0.1:8080/api/events?subject=INC-20261121-0001&order=oldest",
        },
    ],
    "escalation": {
        "level": "P1",
        "step": 2,
        "due": "2026-11-21T13:03:00.000Z",
        "round": 0,
        "reminders": 0,
    },
}
POSTMORTEM: Final[dict[str, Any]] = {
    "incident": "INC-20261121-0001",
    "title": "The error rate of event-system is high",
    "author": "ann",
    "state": "draft",
    "version": 2,
    "created": "2026-11-21T15:00:00.000Z",
    "updated": "2026-11-21T15:20:00.000Z",
    "items": [
        {
            "id": 1,
            "text": "Alert on the disk before it is full",
            "owner": "bob",
            "due": "2026-12-01T12:00:00.000Z",
            "state": "open",
            "overdue": False,
        }
    ],
    "markdown": "# INC-20261121-0001: The error rate of event-system is high\n",
}
POSTMORTEMS: Final[dict[str, Any]] = {"postmortems": [{**POSTMORTEM, "markdown": ""}]}
