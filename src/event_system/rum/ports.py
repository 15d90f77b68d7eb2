"""Where the numbers go."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """The metrics of pages; see `metrics.rum.PageMetrics`. Loop thread only."""

    def observe(self, measure: str, page: str, value: float) -> None:
        """One value: of `load`, `fcp`, `lcp`, `inp`, `fid`, `dwell` in seconds, or of `cls`."""

    def count(self, what: str, amount: int, *labels: str) -> None:
        """So many more of something.

        `views`, `failed_views`, `visits`, `continued_visits` by page; `errors` by page and kind;
        `features` and `goals` by name; `beacons` by outcome.
        """
