"""The rules of a node: those of the operator's files, and those that are shipped."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import event_system.rules
from event_system.kernel.errors import RuleFileError
from event_system.node.rules_settings import RulesSettings
from event_system.node.settings_file import Fault
from event_system.rules.model import AlertingRule, Group, Rule

MOST_FILES: Final = 1000
RUNBOOK: Final = "runbook_url"
_IN_A_WHEEL: Final = Path(event_system.rules.__file__).parent / "shipped"
_IN_A_CHECKOUT: Final = _IN_A_WHEEL.parents[3] / "deploy" / "prometheus" / "rules"


@dataclass(slots=True)
class RuleFiles:
    """The groups of files, what is wrong with them, and what was looked at for them."""

    groups: list[Group] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def read_rule_files(patterns: Iterable[str], base: Path) -> RuleFiles:
    """Read all files that fit; relative patterns from `base`. A faulty file gives no groups."""
    found = RuleFiles()
    for pattern in patterns:
        path = base / pattern
        found.paths.append(_watched(path))
        files = sorted(glob.glob(str(path)))  # noqa: PTH207 - a pattern may be absolute
        if not files:
            found.faults.append(Fault("rules.files", "", f"no file fits {pattern!r}"))
        for file in files:
            _take(found, Path(file))
    return found


def _watched(path: Path) -> Path:
    """Where to look whether further files have come: the last folder without a `*`."""
    for number, part in enumerate(path.parts):
        if glob.has_magic(part):
            return Path(*path.parts[:number])
    return path


def _take(found: RuleFiles, path: Path) -> None:
    if path in found.paths and any(group.file == str(path) for group in found.groups):
        return
    found.paths.append(path)
    if len(found.paths) > 2 * MOST_FILES:
        found.faults.append(Fault(str(path), "", f"is over the {MOST_FILES} files allowed"))
        return
    try:
        found.groups.extend(_read(path))
    except RuleFileError as error:
        for fault in error.faults or (error.detail.removeprefix(f"{path}: "),):
            found.faults.append(Fault(str(path), "", fault))


def _read(path: Path) -> list[Group]:
    """The groups of a file. Loaded late: with the reader comes the query engine."""
    from event_system.rules.files import read_rules

    return read_rules(path)


@lru_cache(1)
def shipped() -> tuple[Group, ...]:
    """The groups that are shipped. Reading them takes about 0.1 s."""
    folder = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_A_CHECKOUT
    return tuple(
        replace(group, file=f"shipped/{path.name}")
        for path in sorted(folder.glob("*.yml"))
        for group in _read(path)
    )


def check_disabled(names: Sequence[str]) -> list[Fault]:
    """Faults of names that no shipped alert has."""
    known = {rule.name for group in shipped() for rule in group.rules} if names else set()
    problem = "no shipped alert is called so; docs/alerts.md lists them"
    return [Fault("rules.disabled", name, problem) for name in sorted(set(names) - known)]


def groups_of(settings: RulesSettings, own: Sequence[Group]) -> list[Group]:
    """All groups that are to be evaluated."""
    groups = [*own, *(_chosen(settings.disabled) if settings.shipped else ())]
    return [_with_runbooks(group, settings.runbook_base) for group in groups]


def _chosen(disabled: Sequence[str]) -> list[Group]:
    kept = (
        replace(group, rules=tuple(rule for rule in group.rules if rule.name not in disabled))
        for group in shipped()
    )
    return [group for group in kept if group.rules]


def _with_runbooks(group: Group, base: str) -> Group:
    if not base:
        return group
    return replace(group, rules=tuple(_with_runbook(rule, base) for rule in group.rules))


def _with_runbook(rule: Rule, base: str) -> Rule:
    if not isinstance(rule, AlertingRule):
        return rule
    return replace(
        rule,
        annotations=tuple(
            (name, f"{base.rstrip('/')}/{text}" if _is_path(name, text) else text)
            for name, text in rule.annotations
        ),
    )


def _is_path(name: str, text: str) -> bool:
    return name == RUNBOOK and "://" not in text and "{{" not in text
