"""The dashboards ask only for metrics that there are, and are complete pages of Grafana."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.architecture.tree import ROOT
from tools.dashboards.pages import DASHBOARDS
from tools.dashboards.panels import Dashboard

GRAFANA = ROOT / "deploy" / "grafana"
PROMETHEUS_OWN = {"up"}
WORDS = {
    *("and", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "or"),
    *("unless", "without", "avg", "count", "max", "min", "sum", "topk"),
}
NOT_NAMES = re.compile(
    r'"[^"]*"'  # texts
    r"|\{[^}]*\}|\[[^\]]*\]"  # selectors and ranges
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
    r"|\b\w+\s*(?=\()"  # functions
    r"|\b[0-9][0-9.e]*\b"
)
SUFFIXES = ("_bucket", "_sum", "_count")


def names(query: str) -> set[str]:
    """The metrics that a query asks for."""
    return set(re.findall(r"[a-zA-Z_:][\w:]*", NOT_NAMES.sub(" ", query))) - WORDS


def known() -> set[str]:
    """All samples' names that the reference lists."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    found = set(PROMETHEUS_OWN)
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE):
        found |= {name + suffix for suffix in SUFFIXES} if kind == "histogram" else {name}
    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('sum by (a) (rate(x_total{b="c_d"}[5m])) / on (a) max by (a) (y)', {"x_total", "y"}),
        ("86400 * max without (job) (deriv(size[1h])) > 0", {"size"}),
        ('histogram_quantile(0.95, rate(x_bucket{a=~"$b"}[$__rate_interval]))', {"x_bucket"}),
    ],
)
def test_the_metrics_of_a_query_are_found(query: str, found: set[str]) -> None:
    assert names(query) == found


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda found: found.uid)
def test_every_metric_of_a_dashboard_is_in_the_reference(dashboard: Dashboard) -> None:
    asked = {name for query in dashboard.queries() for name in names(query)}

    assert asked
    assert asked - known() == set()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_laid_out_without_overlaps(name: str) -> None:
    page: dict[str, Any] = json.loads((GRAFANA / name).read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()

    for panel in page["panels"]:
        at = panel["gridPos"]
        cells = {
            (at["x"] + right, at["y"] + down) for right in range(at["w"]) for down in range(at["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells

    ids = [panel["id"] for panel in page["panels"]]
    assert len(set(ids)) == len(ids)
    assert {variable["name"] for variable in page["templating"]["list"]} >= set(
        re.findall(r"\$(?:\{)?(job|instance|datasource)", json.dumps(page))
    )


def test_dashboards_differ_in_uid_and_title() -> None:
    pages = DASHBOARDS.values()

    assert len({page.uid for page in pages}) == len({page.title for page in pages}) == len(pages)


@pytest.mark.parametrize("path", sorted((GRAFANA / "provisioning").rglob("*.yaml")), ids=str)
def test_provisioning_files_are_of_version_1(path: Any) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert content["apiVersion"] == 1
    assert {"datasources", "providers"} & content.keys()
