"""What a node is among others."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, TypeAlias

from pydantic import Field, field_validator

from event_system.node.quantities import Duration
from event_system.node.sections import Section

Role: TypeAlias = Literal["api", "worker", "ops"]
ROLES: Final[tuple[Role, ...]] = ("api", "worker", "ops")


class NodeSettings(Section):
    """A node among others on the same database."""

    name: str | None = Field(
        None,
        description="What it is called; null is the machine's name and a number of its own.",
        min_length=1,
        max_length=255,
    )
    address: str | None = Field(
        None,
        description="Where other nodes reach it, as `host:port` or a URL: they pass on what only the "
        "node can answer that has the task `operations`.",
        min_length=1,
        max_length=255,
    )
    roles: list[Role] = Field(
        [*ROLES],
        description="`api` takes requests, `worker` runs async listeners, `ops` does what one "
        "node does for all: delayed events, schedules, deleting old events, rules and alerts.",
        min_length=1,
    )
    lease: Duration = Field(
        timedelta(seconds=8),
        description="How long others wait for a node that does not answer before they take over "
        "what it had. It says that it is there eight times meanwhile.",
        ge=timedelta(seconds=2),
        le=timedelta(minutes=5),
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _in_a_row(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value
