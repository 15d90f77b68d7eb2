"""Prometheus' relabelling: rules that change, choose and drop label sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from event_system.promql.ports import Labels
from event_system.promql.regexes import compiled

Action: TypeAlias = Literal[
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
]
LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


@dataclass(frozen=True, slots=True)
class Relabel:
    """One rule, with Prometheus' defaults."""

    action: Action = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    target_label: str = ""
    replacement: str = "$1"
    modulus: int = 0


def relabelled(labels: dict[str, str], rules: Iterable[Relabel]) -> dict[str, str] | None:
    """The label set after all rules, without empty labels; None where one drops it.

    `labels` is changed.
    """
    for rule in rules:
        if not _apply(rule, labels):
            return None
    return {name: value for name, value in labels.items() if value}


def ordered(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _apply(rule: Relabel, labels: dict[str, str]) -> bool:
    """Whether the label set stays."""
    value = rule.separator.join(labels.get(name, "") for name in rule.source_labels)
    choice = _CHOICES.get(rule.action)
    if choice is not None:
        return choice(rule, labels, value)
    _CHANGES[rule.action](rule, labels, value)
    return True


def _match(rule: Relabel, text: str) -> Any:
    return compiled(rule.regex).fullmatch(text)


def _replace(rule: Relabel, labels: dict[str, str], value: str) -> None:
    match = _match(rule, value)
    if match is not None:
        target = _expanded(rule.target_label, match)
        if LABEL_NAME.fullmatch(target):
            labels[target] = _expanded(rule.replacement, match)


def _expanded(template: str, match: Any) -> str:
    """`$1`, `${1}` and `${name}` stand for groups, `$$` for `$`; unknown groups for nothing."""

    def text(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(text, template)


def _hash(rule: Relabel, labels: dict[str, str], value: str) -> None:
    digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
    labels[rule.target_label] = str(int.from_bytes(digest[8:], "big") % rule.modulus)


def _map(rule: Relabel, labels: dict[str, str], _: str) -> None:
    for name, value in list(labels.items()):
        match = _match(rule, name)
        if match is not None:
            labels[_expanded(rule.replacement, match)] = value


def _remove(rule: Relabel, labels: dict[str, str], *, matching: bool) -> None:
    for name in list(labels):
        if (_match(rule, name) is not None) == matching:
            del labels[name]


def _set(rule: Relabel, labels: dict[str, str], value: str) -> None:
    labels[rule.target_label] = value


_CHANGES: Final[dict[str, Callable[[Relabel, dict[str, str], str], None]]] = {
    "replace": _replace,
    "hashmod": _hash,
    "labelmap": _map,
    "labeldrop": lambda rule, labels, _: _remove(rule, labels, matching=True),
    "labelkeep": lambda rule, labels, _: _remove(rule, labels, matching=False),
    "lowercase": lambda rule, labels, value: _set(rule, labels, value.lower()),
    "uppercase": lambda rule, labels, value: _set(rule, labels, value.upper()),
}
_CHOICES: Final[dict[str, Callable[[Relabel, dict[str, str], str], bool]]] = {
    "keep": lambda rule, _, value: _match(rule, value) is not None,
    "drop": lambda rule, _, value: _match(rule, value) is None,
    "keepequal": lambda rule, labels, value: labels.get(rule.target_label, "") == value,
    "dropequal": lambda rule, labels, value: labels.get(rule.target_label, "") != value,
}
