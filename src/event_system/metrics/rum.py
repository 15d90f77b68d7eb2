"""What visitors of web pages experience."""

from __future__ import annotations

from typing import Final

from event_system.metrics.manager import MetricsManager

SLOW_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 1.8, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0)
"""1, 2 and 2.5 s are the thresholds of first paint, load and largest paint."""
INPUT_BUCKETS: Final = (0.008, 0.016, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0)
SHIFT_BUCKETS: Final = (0.001, 0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0)
DWELL_BUCKETS: Final = (1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
_MEASURES: Final = {
    "load": ("rum_page_load_seconds", "Until a page was loaded.", SLOW_BUCKETS),
    "fcp": ("rum_fcp_seconds", "Until something of a page was painted.", SLOW_BUCKETS),
    "lcp": ("rum_lcp_seconds", "Until the largest part of a page was painted.", SLOW_BUCKETS),
    "inp": ("rum_inp_seconds", "From an interaction to the next paint.", INPUT_BUCKETS),
    "fid": ("rum_fid_seconds", "Delay of the first input.", INPUT_BUCKETS),
    "cls": ("rum_cls", "Cumulative layout shift, a score.", SHIFT_BUCKETS),
    "dwell": ("rum_dwell_seconds", "Until a page was left or hidden.", DWELL_BUCKETS),
}
_COUNTS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "views": ("rum_page_views_total", "Page views.", ("page",)),
    "failed_views": ("rum_page_views_failed_total", "Page views with an error.", ("page",)),
    "visits": ("rum_visits_total", "Visits, by the page on which they began.", ("page",)),
    "continued_visits": ("rum_visits_continued_total", "Visits of several views.", ("page",)),
    "errors": ("rum_errors_total", "Errors in pages.", ("page", "kind")),
    "features": ("rum_feature_uses_total", "Uses of a feature.", ("feature",)),
    "goals": ("rum_conversions_total", "Goals that visitors reached.", ("goal",)),
    "beacons": ("rum_beacons_total", "Beacons of browsers.", ("outcome",)),
}


class PageMetrics:
    """The metrics of pages, registered where pages are measured at all."""

    def __init__(self, manager: MetricsManager) -> None:
        self._measures = {
            measure: manager.register_histogram(name, help_, "page", buckets=buckets)
            for measure, (name, help_, buckets) in _MEASURES.items()
        }
        self._counts = {
            what: manager.register_counter(name, help_, *labels)
            for what, (name, help_, labels) in _COUNTS.items()
        }

    def observe(self, measure: str, page: str, value: float) -> None:
        """One value of a distribution."""
        self._measures[measure].child(page).observe(value)

    def count(self, what: str, amount: int, *labels: str) -> None:
        self._counts[what].child(*labels).add(amount)
