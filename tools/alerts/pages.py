"""Every file that is made from the catalogue of alerts, with its text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tools.alerts.catalogue import alerts, topics
from tools.alerts.rules import rules_yaml
from tools.alerts.runbooks import chinese_runbook, english_runbook
from tools.alerts.table import alerts_markdown
from tools.alerts.trials import trials_yaml

RULES = "deploy/prometheus/rules"

PAGES: dict[str, Callable[[], str]] = {
    "docs/alerts.md": alerts_markdown,
    **{f"{RULES}/{topic}.yml": partial(rules_yaml, topic, topics()[topic]) for topic in topics()},
    **{
        f"{RULES}/tests/{topic}.yml": partial(trials_yaml, topic, topics()[topic])
        for topic in topics()
    },
    **{f"docs/runbooks/{alert.name}.md": partial(english_runbook, alert) for alert in alerts()},
    **{f"docs/zh/runbooks/{alert.name}.md": partial(chinese_runbook, alert) for alert in alerts()},
}
