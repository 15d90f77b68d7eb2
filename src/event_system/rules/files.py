"""Reads rule files in Prometheus' format, and says everything that is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from event_system.kernel.errors import PromqlError, RuleFileError, TemplateError
from event_system.promql.parsing import parse, parse_duration_ms
from event_system.promql.ports import NAME, Labels
from event_system.promql.syntax import type_of
from event_system.rules.model import AlertingRule, Group, RecordingRule, Rule
from event_system.rules.texts import check_text

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a file."""
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NOTHING: Final = re.compile(r"(?:0+(?:ms|[smhdwy])?)*")


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    expr: str
    record: str = ""
    alert: str = ""
    for_: str = msgspec.field(default="", name="for")
    keep_firing_for: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[_Rule] = []
    interval: str = ""
    query_offset: str = ""
    limit: int = 0
    labels: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[_Group] = []


def read_rules(path: Path) -> list[Group]:
    """The groups of a file. Raises `RuleFileError` with every fault in it, and its line."""
    return rules_of(read_yaml(path, _File), path)


def read_yaml(path: Path, shape: type[Any]) -> Any:
    """A file in this shape; every scalar is text until the shape says otherwise.

    Raises `RuleFileError`.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise RuleFileError(f"{path}: {error.strerror}", where=str(path)) from error
    if len(text) > LARGEST:
        raise RuleFileError(f"{path} is larger than {LARGEST} bytes", where=str(path))
    try:
        # every scalar stays text, as a label or an expression `yes` or `1.10` has to
        found = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes text only
        return msgspec.convert(found or {}, shape, strict=False)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RuleFileError(f"{path}: {error}", where=str(path)) from error
    except msgspec.ValidationError as error:
        raise RuleFileError(f"{path}: {error}", where=str(path)) from error


def rules_of(found: _File, path: Path) -> list[Group]:
    """The groups of what has been read. Raises `RuleFileError`."""
    file, faults = str(path), _Faults()
    groups = []
    seen: set[str] = set()
    for number, group in enumerate(found.groups):
        if not group.name:
            faults.add("a group has no name", number)
        if group.name in seen:
            faults.add(f"group {group.name!r}: there are two of this name", number)
        seen.add(group.name)
        groups.append(_group(group, number, file, faults))
    if faults.found:
        told = faults.told(path)
        error = RuleFileError(f"{file}: {'; '.join(told)}", where=file)
        error.faults = tuple(told)
        raise error
    return groups


class _Faults:
    """What is wrong, with the group and the rule that it is in."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, int | None]] = []

    def add(self, text: str, group: int, rule: int | None = None) -> None:
        self.found.append((text, group, rule))

    def told(self, path: Path) -> list[str]:
        """All of them with their lines."""
        lines = _lines(path)
        known = [
            (text, lines.get((group, rule), lines.get((group, None))))
            for text, group, rule in self.found
        ]
        return [text if line is None else f"line {line}: {text}" for text, line in known]


def _lines(path: Path) -> dict[tuple[int, int | None], int]:
    """The line in which each group begins, and each rule in it."""
    found: dict[tuple[int, int | None], int] = {}
    try:
        root = yaml.compose(path.read_bytes(), Loader=yaml.CBaseLoader)
    except (OSError, yaml.YAMLError):
        return found
    for number, group in enumerate(_items(root, "groups")):
        found[number, None] = group.start_mark.line + 1
        for place, rule in enumerate(_items(group, "rules")):
            found[number, place] = rule.start_mark.line + 1
    return found


def _items(mapping: Any, name: str) -> list[Any]:
    """The nodes of a list that is a member of a mapping's node."""
    for key, value in getattr(mapping, "value", ()) or ():
        if key.value == name and isinstance(value, yaml.SequenceNode):
            return list(value.value)
    return []


def _group(group: _Group, number: int, file: str, faults: _Faults) -> Group:
    where = f"group {group.name!r}"
    if group.query_offset:
        faults.add(f"{where}: query_offset is not supported", number)
    rules = []
    for place, rule in enumerate(group.rules):
        at = f"{where}, rule {place + 1} {rule.record or rule.alert!r}"
        wrong = list(_faults(rule))
        for fault in wrong:
            faults.add(f"{at}: {fault}", number, place)
        if not wrong:
            rules.append(_rule(rule, {**group.labels, **rule.labels}))
    wrong = list(_duration_faults(group.interval))
    for fault in wrong:
        faults.add(f"{where}: interval: {fault}", number)
    interval = 0 if wrong else duration_ms(group.interval)
    return Group(group.name, file, tuple(rules), interval or None, group.limit)


def _faults(rule: _Rule) -> Iterator[str]:
    if bool(rule.record) == bool(rule.alert):
        yield "a rule has one of `record` and `alert`"
    if rule.record:
        if not _METRIC.fullmatch(rule.record):
            yield f"invalid recording rule name: {rule.record}"
        for member, given in _ONLY_ALERTS.items():
            if getattr(rule, given):
                yield f"invalid field `{member}` in recording rule"
    yield from _label_faults(rule.labels)
    for name in rule.annotations:
        if not _LABEL.fullmatch(name):
            yield f"invalid annotation name: {name}"
    if rule.alert:
        yield from _text_faults("label", rule.labels)
        yield from _text_faults("annotation", rule.annotations)
    for text in (rule.for_, rule.keep_firing_for):
        yield from _duration_faults(text)
    yield from _query_faults(rule.expr)


_ONLY_ALERTS: Final = {
    "for": "for_",
    "keep_firing_for": "keep_firing_for",
    "annotations": "annotations",
}


def _label_faults(labels: Mapping[str, str]) -> Iterator[str]:
    for name in labels:
        if not _LABEL.fullmatch(name) or name == NAME:
            yield f"invalid label name: {name}"


def _text_faults(kind: str, texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        try:
            check_text(text)
        except TemplateError as error:
            yield f"{kind} {name!r}: {error.detail}"


def _query_faults(query: str) -> Iterator[str]:
    if not query:
        yield "field `expr` must be set in rule"
        return
    try:
        if type_of(parse(query)) not in {"vector", "scalar"}:
            yield f"could not use expression: {query[:200]!r} is neither a vector nor a scalar"
    except PromqlError as error:
        yield f"could not parse expression: {error.detail}"


def _duration_faults(text: str) -> Iterator[str]:
    try:
        duration_ms(text)
    except PromqlError as error:
        yield error.detail


def duration_ms(text: str) -> int:
    """Milliseconds of a duration; nothing, `0` and `0s` are none. Raises `PromqlSyntaxError`."""
    return 0 if _NOTHING.fullmatch(text) else parse_duration_ms(text)


def _rule(rule: _Rule, labels: Mapping[str, str]) -> Rule:
    fixed: Labels = tuple(sorted(labels.items()))
    if rule.record:
        return RecordingRule(rule.record, rule.expr, fixed)
    return AlertingRule(
        rule.alert,
        rule.expr,
        fixed,
        tuple(sorted(rule.annotations.items())),
        duration_ms(rule.for_),
        duration_ms(rule.keep_firing_for),
    )
