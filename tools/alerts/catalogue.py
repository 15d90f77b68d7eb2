"""The alerts as they are written down, and the thresholds that they answer to."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec

HERE = Path(__file__).parent
Words: TypeAlias = tuple[str, str]
"""The same in English and in Chinese."""
Series: TypeAlias = dict[str, str]
"""Samples a minute by series, in promtool's notation; one number is a value that stays."""

T = TypeVar("T")
NODE = {"job": "event-system", "instance": "node-1:9090"}
"""The labels that the series of a node have in unit tests."""
BASELINES = "-baselines"
"""How the names of files with alerts against baselines end: these cost more to evaluate."""
_DEVIATION = """\
abs(
  avg_over_time(({now})[1h:5m])
  - avg_over_time(({now})[1d:15m] offset 1w)
)
> 3 * stddev_over_time(({now})[1d:15m] offset 1w)
  + 0.2 * abs(avg_over_time(({now})[1d:15m] offset 1w))
  + {least}"""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure that is compared with what it was a week ago.

    `series` are those of the unit test, all of them gauges or all `counts`; the first one changes.
    """

    now: str
    series: list[str]
    least: float = 0
    counts: bool = False


class Alert(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"name": "alert", "held": "for"}
):
    """An alerting rule with all that is told of it; either `expr` or `baseline` is its condition.

    Texts have `{slots}` for labels and the value. `awaits` says whose metrics it waits for: those of
    nodes to come, or of an exporter. In the unit tests `fires` and `quiet` are the samples, `shown`
    is the value in the texts, and `labels` are those of each alert that fires. One without a level
    always fires: it has no limit, no value, and no test in which it is quiet.
    """

    name: str
    rows: list[str]
    severity: Literal["critical", "warning", "info", "none"]
    guide: str
    summary: Words
    meaning: Words
    level: Literal["P0", "P1", "P2", "P3", ""] = ""
    value: str = ""
    limit: str = ""
    expr: str = ""
    baseline: Baseline | None = None
    held: str = "5m"
    rule: str = ""
    description_zh: str = ""
    fires: Series = {}
    quiet: Series = {}
    shown: str = "200"
    labels: list[dict[str, str]] = msgspec.field(default_factory=lambda: [dict(NODE)])
    awaits: Literal["", "node", "exporter"] = ""

    @property
    def always(self) -> bool:
        return not self.level

    @property
    def condition(self) -> str:
        if self.baseline is None:
            return self.expr
        return _DEVIATION.format(now=self.baseline.now, least=self.baseline.least)

    @property
    def held_for(self) -> str:
        """How long the condition holds before the alert fires; baselines are means of an hour."""
        return "0s" if self.baseline else self.held


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the runbooks of related alerts share."""

    owner: Words
    check: list[Words]
    remedy: list[Words]


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Documents by short name, and in their sections rows with their thresholds."""

    documents: dict[str, str]
    sections: dict[str, dict[str, str]]

    def rows(self) -> dict[str, str]:
        """The threshold of each row by `section/row`."""
        return {
            f"{section}/{row}": threshold
            for section, found in self.sections.items()
            for row, threshold in found.items()
        }


@cache
def topics() -> dict[str, list[Alert]]:
    """The alerts by rule file; those against baselines are in files of their own."""
    found: dict[str, list[Alert]] = {}
    for path in sorted((HERE / "catalogue").glob("*.yaml")):
        for alert in _read(path, list[Alert]):
            topic = path.stem + BASELINES if alert.baseline else path.stem
            found.setdefault(topic, []).append(alert)
    return dict(sorted(found.items()))


def alerts() -> list[Alert]:
    return [alert for found in topics().values() for alert in found]


@cache
def guides() -> dict[str, Guide]:
    return _read(HERE / "guides.yaml", dict[str, Guide])


@cache
def thresholds() -> Thresholds:
    return _read(HERE / "thresholds.yaml", Thresholds)


def _read(path: Path, shape: type[T]) -> T:
    return msgspec.yaml.decode(path.read_bytes(), type=shape)
