"""The settings of queries over time series."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from event_system.node.quantities import Duration
from event_system.node.sections import Section

SECOND = timedelta(seconds=1)


class PromqlSettings(Section):
    """What queries may cost, and how they look for samples."""

    max_samples: int = Field(20_000_000, description="Samples that a query may read.", ge=1000)
    max_values: int = Field(
        5_000_000,
        description="Values that a query may hold at once, one for each row and step.",
        ge=1000,
    )
    max_steps: int = Field(11_000, description="Steps of a query over a span.", ge=1, le=1_000_000)
    timeout: Duration = Field(
        120 * SECOND, description="Time for a query, the wait for its turn included.", ge=SECOND
    )
    concurrency: int = Field(4, description="Queries at once; others wait.", ge=1, le=256)
    lookback: Duration = Field(300 * SECOND, description="How long a sample counts.", ge=SECOND)
    windows: Literal["closed", "left-open"] = Field(
        "closed",
        description="Whether a window has its earlier edge, as in Prometheus 2, or not, as in "
        "Prometheus 3.",
    )
