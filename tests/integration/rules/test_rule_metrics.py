"""What a node counts of its rules is what a real Prometheus counts of the same file."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import NodeProcess
from tests.support.prometheus import running
from tests.support.waiting import PATIENCE_SECONDS, wait_until

RULES = """
groups:
- name: counted
  interval: 1s
  rules:
  - {record: one, expr: vector(1)}
  - {record: two, expr: 'label_replace(vector(1), "a", "b", "", "") or vector(2)'}
  - {alert: Always, expr: vector(1)}
  - {alert: Pending, expr: vector(1), for: 1h}
  - {record: broken, expr: 'one * on() {__name__=~"one|two"}'}
"""
CONFIG = "rules: {files: [rules.yml], shipped: false}"


def scraped(url: str) -> dict[str, Metric]:
    """The metrics of rules."""
    text = httpx.get(f"{url}/metrics", timeout=PATIENCE_SECONDS).text
    found = text_string_to_metric_families(text)
    return {each.name: each for each in found if each.name.startswith("prometheus_rule_")}


def shapes(metrics: dict[str, Metric]) -> dict[str, tuple[str, str, set[tuple[str, ...]]]]:
    return {
        name: (each.type, each.documentation, {(s.name, *s.labels) for s in each.samples})
        for name, each in metrics.items()
    }


def values(metrics: dict[str, Metric]) -> dict[str, float]:
    return {
        sample.name.removeprefix("prometheus_rule_"): sample.value
        for each in metrics.values()
        for sample in each.samples
        if re.search(r";counted$", sample.labels.get("rule_group", ""))
    }


def is_counted(url: str) -> bool:
    return values(scraped(url)).get("evaluations_total", 0) >= 15


@pytest.mark.service("prometheus")
def test_the_metrics_of_rules_are_those_of_prometheus(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    for place in (tmp_path, folder):
        (place / "rules.yml").write_text(RULES, encoding="utf-8")
    (folder / "prometheus.yml").write_text("rule_files: [rules.yml]", encoding="utf-8")
    with running(folder, folder / "data") as other, NodeProcess(tmp_path, CONFIG) as node:
        ours = f"http://127.0.0.1:{node.metrics_port}"
        for url in (ours, other.url):
            wait_until(partial(is_counted, url))
        mine, theirs = scraped(ours), scraped(other.url)

    assert shapes(mine) == shapes(theirs)
    same = ("group_rules", "group_interval_seconds", "group_last_evaluation_samples")
    assert [values(mine)[name] for name in same] == [values(theirs)[name] for name in same]
    for found in (values(mine), values(theirs)):
        assert found["evaluations_total"] == 5 * found["evaluation_failures_total"]
        assert found["group_iterations_total"] - found["group_iterations_missed_total"] >= 3
        assert 0 < found["group_last_duration_seconds"] < 1
        assert found["group_last_evaluation_timestamp_seconds"] > 1.7e9
