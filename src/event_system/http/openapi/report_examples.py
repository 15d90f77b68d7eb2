"""Examples of the routes of reports."""

from __future__ import annotations

from typing import Any, Final

_OBJECTIVE: Final[dict[str, Any]] = {
    "service": "api",
    "objective": 0.999,
    "window_seconds": 2_592_000,
    "reached": 0.99975,
    "met": True,
    "budget_left": 0.75,
    "budget_left_seconds": 1944.0,
    "burns": [
        {
            "long_seconds": 3_600,
            "short_seconds": 300,
            "threshold": 14.4,
            "long_rate": 0.0,
            "short_rate": 0.0,
            "urgency": "page",
            "fires": False,
        }
    ],
}
_FIGURES: Final[dict[str, Any]] = {
    "incidents": 1,
    "by_level": {"P0": 0, "P1": 1, "P2": 0, "P3": 0},
    "acknowledged": 1,
    "resolved": 1,
    "reopened": 0,
    "failures": 1,
    "mtta_seconds": 240.0,
    "mttr_seconds": 648.0,
    "mtbf_seconds": 2_677_752.0,
    "down_seconds": 648.0,
    "availability": 0.999758,
}
OBJECTIVES: Final[dict[str, Any]] = {
    "at": "2026-11-21T12:00:00.000Z",
    "objectives": [_OBJECTIVE],
}
MONTHLY: Final[dict[str, Any]] = {
    "month": "2026-10",
    "time_zone": "Asia/Shanghai",
    "start": "2026-09-30T16:00:00.000Z",
    "end": "2026-10-31T16:00:00.000Z",
    "final": True,
    "complete": True,
    "figures": _FIGURES,
    "services": {"api": _FIGURES},
    "objectives": [_OBJECTIVE],
    "major": [
        {
            "incident": "INC-20261010-0001",
            "level": "P1",
            "service": "api",
            "title": "The error rate of the API is high",
            "opened": "2026-10-10T08:00:05.000Z",
            "seconds": 648.0,
            "open": False,
            "postmortem": "INC-20261010-0001",
        }
    ],
    "top_alerts": [{"name": "HTTPErrorRateHigh", "times": 3, "incidents": 1, "answered": 1}],
    "noisy_alerts": [],
    "open_items": [
        {
            "incident": "INC-20261010-0001",
            "text": "Alert on the disk before it is full",
            "owner": "bob",
            "due": "2026-12-01T12:00:00.000Z",
            "overdue": False,
        }
    ],
    "done_items": 2,
    "load": [{"person": "ann", "hours": 372.0, "pages": 4, "acknowledged": 1}],
    "markdown": "# Operations in 2026-10\n",
}
