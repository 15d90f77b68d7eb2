"""What a log behind a stream is to be like."""

from __future__ import annotations

from dataclasses import dataclass

from event_system.eventlog.sql.attempts import LARGEST_COMMIT_BYTES
from event_system.eventlog.sql.settings import LogSettings

LARGEST_BATCH = 1_000
"""Events in one commit, unless servers are known to take more."""

MOST_WAITING = 200_000
"""Events that wait in memory for the tables; with more, duplicates would be costly to find."""


@dataclass(frozen=True, slots=True)
class StreamSettings(LogSettings):
    """Events stay in the stream for `keep_us` after their receipt, also when the tables have them.

    A commit has up to `max_batch` events; of several senders, data of `max_batch_bytes`. While `most_waiting` are still to come there, nobody may append. Senders wait
    `patience_seconds` for servers that are away: a new leader takes up to ten.
    """

    poll_seconds: float = 0.1
    max_batch: int = LARGEST_BATCH
    max_batch_bytes: int = LARGEST_COMMIT_BYTES
    keep_us: int = 3 * 86_400_000_000
    patience_seconds: float = 12.0
    most_waiting: int = MOST_WAITING
