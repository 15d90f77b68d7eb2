"""What the sections of the settings are made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

LIVE: dict[str, Any] = {"live": True}
"""Marks a setting that can change while the node runs."""


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]


class Section(BaseModel):
    """A part of the settings; unknown keys are faults."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )
