"""What others need of the rest of the room without loading it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from event_system.promql.ports import Labels
from event_system.timeseries.collection.views import Metadata, SendingTally, TargetStatus
from event_system.timeseries.columns import Times, Values


class Scraping(Protocol):
    """Targets that are scraped; see `scraping.Scraper`."""

    def start(self) -> None:
        """Begin; once."""

    async def stop(self) -> None:
        """End, whatever is under way."""

    def statuses(self) -> list[TargetStatus]:
        """All targets, in the order of their configuration."""

    def metadata(self) -> dict[str, Metadata]:
        """What the targets say of their metrics."""


class RemoteWriting(Protocol):
    """A receiver that samples are sent to; see `remote.sending.RemoteWriter`."""

    @property
    def tally(self) -> SendingTally:
        """What became of its samples."""

    @property
    def queued(self) -> int:
        """Samples that wait."""

    def start(self) -> None:
        """Begin; once."""

    async def stop(self) -> None:
        """Send what waits, for some seconds, and end."""

    def take(self, labels: Sequence[Labels], times: Times, values: Values) -> None:
        """Queue samples; from any thread."""
