"""Alerts as senders report them, checked and completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from event_system.alerting.alert import Alert
from event_system.alerting.labels import MAX_LABELS, MAX_VALUE, is_label_name
from event_system.kernel.errors import InvalidAlertError

MAX_URL: Final = 8_192


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a sender says. Moments are microseconds; None where it gave none.

    Only the node's own rules give a `value`.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}
    starts_us: int | None = None
    ends_us: int | None = None
    generator_url: str = ""
    value: str = ""


class Reported(Protocol):
    """What a sender says, in whatever form it has that: see `Report`."""

    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def annotations(self) -> Mapping[str, str]: ...
    @property
    def starts_us(self) -> int | None: ...
    @property
    def ends_us(self) -> int | None: ...
    @property
    def generator_url(self) -> str: ...
    @property
    def value(self) -> str: ...


def accepted(
    report: Reported,
    fingerprint: str,
    now_us: int,
    resolve_timeout_us: int,
    known: Alert | None = None,
) -> Alert:
    """The alert that a report is of, by the fingerprint of its labels. Raises `InvalidAlertError`.

    `known` is what was accepted before with this fingerprint: equal texts are not checked again.
    """
    starts_us, ends_us = report.starts_us, report.ends_us
    if is_timeout := ends_us is None:
        ends_us = now_us + resolve_timeout_us
    if starts_us is None:
        starts_us = now_us if is_timeout else ends_us
    if ends_us < starts_us:
        raise InvalidAlertError("start time must be before end time", where="endsAt")
    ends_us = max(1, ends_us)  # 0 is no end
    if len(report.generator_url) > MAX_URL:
        raise InvalidAlertError(f"has over {MAX_URL:,} characters", where="generatorURL")
    labels = report.labels
    if known is None or labels != known.labels:
        labels = _labels(labels)
    if known is None or report.annotations != known.annotations:
        _check(report.annotations, "annotations")
    return Alert(
        labels=labels,
        annotations=report.annotations,
        starts_us=starts_us,
        ends_us=ends_us,
        updated_us=now_us,
        generator_url=report.generator_url,
        value=report.value,
        is_timeout=is_timeout,
        fingerprint=fingerprint,
    )


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Without those that are empty."""
    if "" in labels.values():
        labels = {name: value for name, value in labels.items() if value}
    if not labels:
        raise InvalidAlertError("at least one label pair required", where="labels")
    _check(labels, "labels")
    return labels


def _check(pairs: Mapping[str, str], where: str) -> None:
    if len(pairs) > MAX_LABELS:
        raise InvalidAlertError(f"there are over {MAX_LABELS}", where=where)
    for name, value in pairs.items():
        if not is_label_name(name):
            raise InvalidAlertError(f'invalid label set: invalid name "{name[:80]}"', where=where)
        if len(value) > MAX_VALUE:
            raise InvalidAlertError(f"`{name}` has over {MAX_VALUE:,} characters", where=where)
