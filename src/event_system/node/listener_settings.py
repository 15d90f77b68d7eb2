"""Settings of listeners and of their retries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from event_system.events.retry import Retry
from event_system.node.quantities import Duration
from event_system.node.sections import LIVE, Names, Section


class RetrySettings(Section):
    """How often, and after which pauses, a failed event is handled again."""

    attempts: int = Field(
        5,
        description="Attempts in all; then a dead letter.",
        ge=1,
        le=10_000,
        json_schema_extra=LIVE,
    )
    base: Duration = Field(
        timedelta(seconds=1),
        description="Longest pause after the first attempt; each pause is random below its longest.",
        json_schema_extra=LIVE,
    )
    factor: float = Field(
        4.0,
        description="How much longer the longest pause gets with each attempt.",
        ge=1,
        le=1000,
        json_schema_extra=LIVE,
    )
    cap: Duration = Field(
        timedelta(hours=1), description="Longest pause after any attempt.", json_schema_extra=LIVE
    )

    def policy(self) -> Retry:
        return Retry(
            attempts=self.attempts,
            base=self.base.total_seconds(),
            factor=self.factor,
            cap=self.cap.total_seconds(),
        )


class ListenerOverride(Section):
    """An operator's settings for one listener; what is absent stays as declared."""

    enabled: bool | None = Field(None, description="Whether the listener gets events at all.")
    timeout: float | None = Field(None, description="Seconds a call may take.", gt=0, le=86_400)
    filter: str | None = Field(None, description="CEL expression over `event`.", max_length=1000)
    priority: int | None = Field(None, description="Order among sync listeners, higher first.")
    workers: int | None = Field(None, description="Lanes handled at the same time.", ge=1, le=1024)
    retry: RetrySettings | None = Field(None, description="Retries of failed events.")
    on_failure: Literal["park", "block"] | None = Field(
        None, description="`park`: the lane goes on. `block`: it waits for the failed event."
    )

    def changes(self) -> dict[str, Any]:
        """The settings that are given, as `Listener` knows them."""
        given = self.model_dump(exclude_none=True, exclude={"retry"})
        return given if self.retry is None else {**given, "retry": self.retry.policy()}


class ListenersSettings(Section):
    """Which listeners are loaded, and their settings."""

    modules: Names = Field([], description="Modules to load: import names or paths of .py files.")
    entry_points: bool = Field(
        True, description="Load the listeners of installed packages (`event_system.listeners`)."
    )
    overrides: dict[str, ListenerOverride] = Field(
        {}, description="Settings by listener name.", json_schema_extra=LIVE
    )
