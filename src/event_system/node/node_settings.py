"""What a node is among others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from event_system.node.sections import Section


class NodeSettings(Section):
    """A node among others on the same database."""

    name: str | None = Field(
        None,
        description="What it is called; null is the machine's name and a number of its own.",
        min_length=1,
        max_length=255,
    )
    address: str | None = Field(
        None, description="Where others reach it; only shown.", min_length=1, max_length=255
    )
    roles: list[Literal["api", "worker", "ops"]] = Field(
        ["api", "worker", "ops"],
        description="`api` takes requests, `worker` runs async listeners, `ops` does what one "
        "node does for all: delayed events, schedules, deleting old events.",
        min_length=1,
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _in_a_row(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value
