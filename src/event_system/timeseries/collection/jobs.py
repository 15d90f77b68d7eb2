"""What is to be scraped: jobs as Prometheus' `scrape_configs` have them, and their targets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlencode

from event_system.promql.ports import NAME, Labels
from event_system.timeseries.collection.relabel import Relabel, ordered, relabelled

LARGEST_BODY: Final = 64 * 1024 * 1024
META: Final = "__"
EXPORTED: Final = "exported_"
TargetGroup: TypeAlias = tuple[tuple[str, ...], Labels]
"""Addresses, and labels of all of them in any order."""
TargetKey: TypeAlias = tuple[Labels, str]
_ADDRESS: Final = re.compile(r"[^/\s?#@]+")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """How a target is asked.

    `header` is the value of Authorization; `read` gives it anew where it comes from a file. It
    blocks, and raises `ConfigurationError`.
    """

    header: str | None = field(default=None, repr=False)
    read: Callable[[], str | None] | None = None
    ca_file: str | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class FileTargets:
    """One entry of `file_sd_configs`: paths, in whose last part `*` may stand."""

    patterns: tuple[str, ...]
    refresh_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """One entry of `scrape_configs`. `groups` are those that it names itself."""

    name: str
    groups: tuple[TargetGroup, ...]
    files: tuple[FileTargets, ...] = ()
    interval_seconds: float = 60.0
    timeout_seconds: float = 10.0
    scheme: str = "http"
    metrics_path: str = "/metrics"
    params: tuple[tuple[str, str], ...] = ()
    login: Login = Login()
    honor_labels: bool = False
    honor_timestamps: bool = True
    follow_redirects: bool = True
    sample_limit: int = 0
    body_limit: int = LARGEST_BODY
    relabel: tuple[Relabel, ...] = ()
    metric_relabel: tuple[Relabel, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One address of a job. `discovered` are its labels before relabelling."""

    job: ScrapeJob
    discovered: Labels
    labels: Labels
    url: str

    @property
    def key(self) -> TargetKey:
        """What makes it one target, whatever it was discovered with."""
        return self.labels, self.url

    def final(self, given: dict[str, str]) -> Labels | None:
        """The labels to store of a series that the target tells; None to leave it out."""
        merged = _merged(given, self.labels, honor=self.job.honor_labels)
        kept = relabelled(merged, self.job.metric_relabel)
        if kept is None or not kept.get(NAME):
            return None
        return ordered(kept)


def targets_of(job: ScrapeJob, found: Iterable[TargetGroup] = ()) -> Sequence[Target]:
    """The targets of a job that relabelling leaves, each once; `found` are groups of its files.

    One that is left without a proper address is told in the log, and left out.
    """
    targets: dict[TargetKey, Target] = {}
    wrong: list[str] = []
    for addresses, labels in (*job.groups, *found):
        for address in addresses:
            try:
                target = _target(job, address, labels)
            except ValueError:
                wrong.append(address)
                continue
            if target is not None:
                targets.setdefault(target.key, target)
    if wrong:
        told = "%d targets of the job %s have no address and are left out: %.100s"
        _log.error(told, len(wrong), job.name, wrong[0])
    return list(targets.values())


def _target(job: ScrapeJob, address: str, labels: Labels) -> Target | None:
    """None for one that relabelling drops. Raises `ValueError`."""
    discovered = {
        "job": job.name,
        "__scheme__": job.scheme,
        "__metrics_path__": job.metrics_path,
        "__scrape_interval__": f"{job.interval_seconds:g}s",
        "__scrape_timeout__": f"{job.timeout_seconds:g}s",
        **{f"__param_{name}": value for name, value in reversed(job.params)},
        **dict(labels),
        "__address__": address,
    }
    found = relabelled(dict(discovered), job.relabel)
    if found is None or "__address__" not in found:
        return None
    if not _ADDRESS.fullmatch(found["__address__"]):
        raise ValueError(f"{found['__address__']} is no host and port")
    url = _url(job, found)
    found.setdefault("instance", found["__address__"])
    kept = {name: value for name, value in found.items() if not name.startswith(META)}
    return Target(job, ordered(discovered), ordered(kept), url)


def _url(job: ScrapeJob, labels: dict[str, str]) -> str:
    """The first value of each parameter is the label's; further ones are the job's."""
    params: list[tuple[str, str]] = []
    for name in dict.fromkeys([*(name for name, _ in job.params), *_parameters(labels)]):
        values = [value for given, value in job.params if given == name]
        first = labels.get(f"__param_{name}")
        params += [(name, value) for value in ([first] if first else []) + values[1:]]
    query = f"?{urlencode(params)}" if params else ""
    path = labels.get("__metrics_path__", job.metrics_path)
    return f"{labels.get('__scheme__', job.scheme)}://{labels['__address__']}{path}{query}"


def _parameters(labels: dict[str, str]) -> list[str]:
    return [name[len("__param_") :] for name in labels if name.startswith("__param_")]


def _merged(
    given: dict[str, str], target: Iterable[tuple[str, str]], *, honor: bool
) -> dict[str, str]:
    """The labels of a series and of its target; whose count depends on `honor_labels`."""
    merged = {name: value for name, value in given.items() if value}
    for name, value in target:
        if name in given:
            if honor:
                continue
            exported = EXPORTED + name
            while exported in merged:
                exported = EXPORTED + exported
            if given[name]:
                merged[exported] = given[name]
        merged[name] = value
    return merged
