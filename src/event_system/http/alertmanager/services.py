"""What the routes need of the process that they are in."""

from __future__ import annotations

from dataclasses import dataclass

from event_system.alerting.manager import AlertManager


@dataclass(frozen=True, slots=True)
class Status:
    """What is said of the process. `peer` is its own name and address in a cluster of one."""

    version: str
    revision: str
    build_time: str
    started_us: int
    peer: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ApiServices:
    """What the routes need."""

    manager: AlertManager
    status: Status
