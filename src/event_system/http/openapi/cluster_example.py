"""The example of the answer about the cluster."""

from __future__ import annotations

from typing import Any, Final

_NODE: Final[dict[str, Any]] = {
    "lanes": [0, 1, 2, 3],
    "listeners": ["leaderboard"],
    "tasks": ["scheduling"],
    "id": "6f1c0d2ab94e",
    "name": "eu-1",
    "address": "10.0.0.1:8080",
    "version": "0.1.0",
    "roles": ["api", "ops", "worker"],
    "state": "live",
    "since": "2026-11-21T11:02:40.120Z",
    "last_seen": "2026-11-21T12:00:00.512Z",
    "clock_offset": 0.002,
    "lag": {"greet": 2, "leaderboard": 17},
}
_OTHER: Final[dict[str, Any]] = {
    **_NODE,
    "lanes": [4, 5, 6, 7],
    "listeners": ["greet"],
    "tasks": ["retention"],
    "id": "b77d1e90a2c3",
    "name": "eu-2",
    "address": "10.0.0.2:8080",
    "clock_offset": -0.014,
    "lag": {"greet": 0},
}
_GONE: Final[dict[str, Any]] = {
    **_NODE,
    "lanes": [],
    "listeners": [],
    "tasks": [],
    "id": "0a4459be6d17",
    "name": "eu-3",
    "address": "10.0.0.3:8080",
    "state": "gone",
    "last_seen": "2026-11-21T11:41:07.033Z",
    "lag": {},
}
CLUSTER: Final[dict[str, Any]] = {
    "node": _NODE["id"],
    "nodes": [_NODE, _OTHER, _GONE],
    "unowned": {"lanes": [], "listeners": [], "tasks": []},
    "lag": {"greet": 2, "leaderboard": 17},
}
