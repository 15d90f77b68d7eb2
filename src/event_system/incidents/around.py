"""Where to see what went on around an incident: the metrics of its alerts, the events of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from event_system.incidents.book import Case
from event_system.incidents.incident import Link
from event_system.kernel.clock import rfc3339

MARGIN_US: Final = 900_000_000
"""What is shown of the time before the first alert, and after the end."""
MOST_ALERTS: Final = 10
_POINTS: Final = 240
_LEAST_STEP_SECONDS: Final = 15


def around(case: Case, base_url: str, now_us: int) -> Iterator[Link]:
    """Requests to this node, which people reach at `base_url`.

    Metrics are those of alerts whose expressions this node evaluates.
    """
    incident = case.incident
    base_url = base_url.rstrip("/")
    first_us = min(incident.started_us, incident.opened_us) - MARGIN_US
    last_us = (incident.resolved_us or now_us) + MARGIN_US
    since, until = rfc3339(first_us), rfc3339(last_us)
    step = max(_LEAST_STEP_SECONDS, (last_us - first_us) // 1_000_000 // _POINTS)
    for name, expression in list(_expressions(case, base_url).items())[:MOST_ALERTS]:
        asked = {"query": expression, "start": since, "end": until, "step": step}
        yield Link(
            title=f"metrics of {name}", url=f"{base_url}/api/v1/query_range?{urlencode(asked)}"
        )
    times = {"since": since, "until": until, "order": "oldest"}
    yield Link(title="events around it", url=f"{base_url}/api/events?{urlencode(times)}")
    own = {"subject": incident.id, "order": "oldest"}
    yield Link(title="its own events", url=f"{base_url}/api/events?{urlencode(own)}")


def _expressions(case: Case, base_url: str) -> dict[str, str]:
    """Of the alerts with a link of Prometheus' form to this node, by name."""
    found: dict[str, str] = {}
    for alert in case.alerts.values():
        if alert.generator_url.startswith(f"{base_url}/"):
            named = parse_qs(urlsplit(alert.generator_url).query).get("g0.expr")
            if named:
                found.setdefault(alert.name, named[0])
    return found
