"""What a dashboard is made of, and its form in Grafana's JSON (schema version 39)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["timeseries", "stat", "gauge", "heatmap", "bargauge"]
Json = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24
HEIGHT: Final = 8
STAT_HEIGHT: Final = 4
CALM, CAREFUL, BAD = "green", "orange", "red"


@dataclass(frozen=True, slots=True)
class Query:
    """A query and how its series are called; `{{label}}` stands for a label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `warn_at` draws a line: a threshold of the alerts; below it with `below`."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = 8
    warn_at: float | None = None
    below: bool = False
    description: str = ""

    @property
    def height(self) -> int:
        return STAT_HEIGHT if self.kind in ("stat", "gauge") else HEIGHT


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of Grafana; `uid` is the same in every installation, so that links stay."""

    uid: str
    title: str
    rows: tuple[Row, ...]
    span: str = "now-1h"

    def queries(self) -> Iterator[str]:
        """All queries as they stand, variables included."""
        for row in self.rows:
            for panel in row.panels:
                yield from (query.expr for query in panel.queries)


def panel(title: str, *queries: Query | str, **looks: Any) -> Panel:
    """A panel of queries; a plain text is one whose series have no name of their own."""
    made = tuple(Query(query) if isinstance(query, str) else query for query in queries)
    return Panel(title, made, **looks)


def to_json(dashboard: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    return json.dumps(_dashboard(dashboard), indent=2, ensure_ascii=False)


def _dashboard(dashboard: Dashboard) -> Json:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["event-system"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": dashboard.span, "to": "now"},
        "timezone": "browser",
        "links": [_links()],
        "templating": {"list": [_datasource(), _variable("job"), _variable("instance")]},
        "panels": list(_laid_out(dashboard.rows)),
    }


def _links() -> Json:
    """To the other dashboards, with the same time and variables."""
    return {
        "type": "dashboards",
        "tags": ["event-system"],
        "title": "event-system",
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
    }


def _variable(label: str) -> Json:
    """The values of a label among the nodes, several at once; all of them at first."""
    narrowed = "" if label == "job" else '{job=~"$job"}'
    query = f"label_values(event_trigger_rate{narrowed}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Headings and panels with their places, from left to right and downwards."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield _heading(number, row.title, top)
        top += 1
        left, tallest = 0, 0
        for each in row.panels:
            if left + each.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            yield _panel(number, each, left, top)
            left, tallest = left + each.width, max(tallest, each.height)
        top += tallest


def _heading(number: int, title: str, top: int) -> Json:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place}


def _panel(number: int, each: Panel, left: int, top: int) -> Json:
    return {
        "id": number,
        "type": each.kind,
        "title": each.title,
        "description": each.description,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": each.width, "h": each.height},
        "targets": [_target(at, query, each) for at, query in enumerate(each.queries)],
        "fieldConfig": {"defaults": _defaults(each), "overrides": []},
        "options": _options(each.kind),
    }


def _target(at: int, query: Query, each: Panel) -> Json:
    latest = each.kind in ("stat", "gauge", "bargauge")
    return {
        "refId": chr(ord("A") + at),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": latest,
        "range": not latest,
        "format": "heatmap" if each.kind == "heatmap" else "time_series",
    }


def _defaults(each: Panel) -> Json:
    defaults: Json = {"unit": each.unit, "min": 0, "thresholds": _thresholds(each)}
    if each.kind == "timeseries":
        line = "off" if each.warn_at is None else "dashed"
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 10,
            "showPoints": "never",
            "thresholdsStyle": {"mode": line},
        }
    if each.unit == "percent" and each.kind == "gauge":
        defaults["max"] = 100
    return defaults


def _thresholds(each: Panel) -> Json:
    steps: list[Json] = [{"color": BAD if each.below else CALM, "value": None}]
    if each.warn_at is not None:
        steps.append({"color": CALM if each.below else CAREFUL, "value": each.warn_at})
    elif each.below:
        raise ValueError(f"{each.title}: `below` needs `warn_at`")
    return {"mode": "absolute", "steps": steps}


def _options(kind: Kind) -> Json:
    if kind == "timeseries":
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "heatmap":
        return {"calculate": False, "yAxis": {"unit": "s"}, "cellGap": 1}
    return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
