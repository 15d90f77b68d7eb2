"""Every threshold has an alert, and every alert what people need when it fires."""

from __future__ import annotations

import re

import pytest
import yaml

from event_system.metrics.declaring import RESERVED
from tests.architecture.test_dashboards import known, names
from tests.architecture.tree import ROOT
from tools.alerts.catalogue import Alert, alerts, guides, thresholds, topics
from tools.alerts.pages import PAGES, RULES

ALERTS = alerts()
KNOWN = known()
EXPORTERS = {"probe_duration_seconds"}
OFFSET = re.compile(r"\boffset \w+")


@pytest.mark.parametrize("row", thresholds().rows())
def test_every_threshold_has_an_alert(row: str) -> None:
    assert [alert.name for alert in ALERTS if row in alert.rows]


def test_alerts_answer_only_to_thresholds_that_there_are() -> None:
    claimed = {row for alert in ALERTS for row in alert.rows}

    assert claimed - thresholds().rows().keys() == set()


def test_every_alert_has_a_name_of_its_own() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_one_condition_and_a_guide(alert: Alert) -> None:
    assert bool(alert.expr) != bool(alert.baseline)
    assert bool(alert.limit) == (bool(alert.expr) and not alert.always)
    assert bool(alert.value) == (not alert.always)
    assert alert.guide in guides()
    assert all((*alert.summary, *alert.meaning))


def test_only_the_watchdog_always_fires() -> None:
    assert [(alert.name, alert.severity) for alert in ALERTS if alert.always] == [
        ("Watchdog", "none")
    ]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_asks_for_metrics_that_there_are_or_says_what_it_awaits(alert: Alert) -> None:
    query = alert.baseline.now if alert.baseline else alert.expr
    asked = names(OFFSET.sub(" ", query))
    unknown = asked - KNOWN

    assert bool(asked) == (not alert.always)
    assert bool(unknown) == bool(alert.awaits), unknown
    if alert.awaits == "exporter":
        assert unknown <= EXPORTERS
    else:
        assert all(name.startswith(RESERVED) for name in unknown)


def test_a_burning_budget_opens_no_incident_as_that_would_burn_it_on() -> None:
    about_objectives = [alert for alert in ALERTS if "slo_" in alert.expr]

    assert about_objectives
    assert {alert.level for alert in about_objectives} == {"P3"}


@pytest.mark.parametrize("topic", topics())
def test_the_files_have_a_rule_of_each_alert_and_a_test_of_each_outcome(topic: str) -> None:
    rules = yaml.safe_load((ROOT / RULES / f"{topic}.yml").read_text(encoding="utf-8"))
    trials = yaml.safe_load((ROOT / RULES / "tests" / f"{topic}.yml").read_text(encoding="utf-8"))
    written = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    outcomes = [
        (check["alertname"], bool(check["exp_alerts"]))
        for test in trials["tests"]
        for check in test["alert_rule_test"]
    ]

    assert written == [alert.name for alert in topics()[topic]]
    assert sorted(outcomes) == sorted(
        (alert.name, fires)
        for alert in topics()[topic]
        for fires in (True, False)
        if fires or not alert.always
    )


@pytest.mark.parametrize("folder", [RULES, f"{RULES}/tests", "docs/runbooks", "docs/zh/runbooks"])
def test_no_file_is_left_of_an_alert_that_is_gone(folder: str) -> None:
    kept = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}

    assert kept == {page for page in PAGES if page.rpartition("/")[0] == folder}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_runbook_names_only_commands_that_there_are(alert: Alert) -> None:
    commands = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    runbook = (ROOT / "docs" / "runbooks" / f"{alert.name}.md").read_text(encoding="utf-8")

    for command in re.findall(r"`event-system ((?:[a-z-]+ ?)+)", runbook):
        asked = command.split()[:2]
        assert any(
            re.search(rf"^#+ event-system {' '.join(asked[:count])}$", commands, re.MULTILINE)
            for count in (2, 1)
        ), command
