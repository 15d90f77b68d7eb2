"""What visitors of web pages experience."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Panel, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"


def _usual(title: str, metric: str, warn_at: float, unit: str = "s") -> Panel:
    """What three visitors in four have at most, by page."""
    buckets = f"sum by (page, le) (rate({metric}_bucket{{{NODE}}}{RATE}))"
    query = Query(f"histogram_quantile(0.75, {buckets})", "{{page}}")
    return panel(title, query, unit=unit, warn_at=warn_at)


def _sum(by: str, metric: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{NODE}}}{RATE}))"


DASHBOARD = Dashboard(
    uid="event-system-browsers",
    title="Web pages",
    rows=(
        Row(
            "How pages come up (three visitors in four have less)",
            (
                _usual("Load", "rum_page_load_seconds", 2),
                _usual("First contentful paint", "rum_fcp_seconds", 1),
                _usual("Largest contentful paint", "rum_lcp_seconds", 2.5),
                _usual("First input delay", "rum_fid_seconds", 0.1),
                _usual("Interaction to next paint", "rum_inp_seconds", 0.2),
                _usual("Cumulative layout shift", "rum_cls", 0.1, "short"),
            ),
        ),
        Row(
            "What goes wrong",
            (
                panel(
                    "Views with an error",
                    Query(
                        f"100 * {_sum('page', 'rum_page_views_failed_total')} / "
                        f"{_sum('page', 'rum_page_views_total')}",
                        "{{page}}",
                    ),
                    unit="percent",
                    warn_at=1,
                ),
                panel(
                    "Errors",
                    Query(_sum("page, kind", "rum_errors_total"), "{{page}} {{kind}}"),
                    unit="ops",
                ),
                panel(
                    "Beacons",
                    Query(_sum("outcome", "rum_beacons_total"), "{{outcome}}"),
                    unit="ops",
                ),
            ),
        ),
        Row(
            "What visitors do",
            (
                panel("Views", Query(_sum("page", "rum_page_views_total"), "{{page}}"), unit="ops"),
                panel(
                    "Median dwell",
                    Query(
                        "histogram_quantile(0.5, "
                        f"sum by (page, le) (rate(rum_dwell_seconds_bucket{{{NODE}}}{RATE})))",
                        "{{page}}",
                    ),
                    unit="s",
                ),
                panel(
                    "Bounces",
                    Query(
                        f"100 * (1 - {_sum('page', 'rum_visits_continued_total')} / "
                        f"{_sum('page', 'rum_visits_total')})",
                        "{{page}}",
                    ),
                    unit="percent",
                ),
                panel(
                    "Features",
                    Query(_sum("feature", "rum_feature_uses_total"), "{{feature}}"),
                    unit="ops",
                    width=12,
                ),
                panel(
                    "Conversions of visits",
                    Query(
                        f"100 * {_sum('goal', 'rum_conversions_total')} / "
                        f"on () group_left () sum(rate(rum_visits_total{{{NODE}}}{RATE}))",
                        "{{goal}}",
                    ),
                    unit="percent",
                    width=12,
                ),
            ),
        ),
    ),
)
