"""Which rules a node evaluates: the operator's files and what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import Loaded, fingerprint, load_settings
from event_system.node.rule_files import groups_of, shipped
from event_system.node.rules_settings import RulesSettings
from event_system.rules.model import AlertingRule, Group

GOOD = "groups: [{name: good, rules: [{alert: A, expr: x}]}]\n"
BAD = """\
groups:
  - name: bad
    rules:
      - alert: Fine
        expr: x
      - alert: Wrong
        expr: sum(
        annotations:
          summary: '{{ $label.a }}'
  - name: bad
"""


def loaded(folder: Path, rules: str) -> Loaded:
    file = folder / "event-system.yaml"
    file.write_text(f"rules: {rules}\n", encoding="utf-8")
    return load_settings(file, {})


def names(groups: list[Group]) -> set[str]:
    return {rule.name for group in groups for rule in group.rules}


def test_files_lie_beside_the_configuration_and_are_watched_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.rules.yml").write_text(GOOD, encoding="utf-8")

    found = loaded(tmp_path, "{files: ['*.rules.yml']}")

    assert [group.name for group in found.rules] == ["good"]
    for change in (tmp_path / "a.rules.yml", tmp_path / "b.rules.yml"):
        before = fingerprint(found.files)
        change.write_text(GOOD + "# more\n", encoding="utf-8")
        assert fingerprint(found.files) != before


def test_every_fault_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(BAD, encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, "{files: [bad.yml, none.yml], disabled: [NoSuchAlert]}")

    told = caught.value.detail.splitlines()
    file = tmp_path / "bad.yml"
    assert [line for line in told if line.startswith(f"{file}: line 6: ")] == told[1:3]
    assert "undefined variable" in told[1]
    assert "could not parse expression" in told[2]
    assert told[3].startswith(f"{file}: line 10: group 'bad': there are two")
    assert "no file fits 'none.yml'" in told[4]
    assert told[0].startswith("rules.disabled: NoSuchAlert: ")


def test_what_is_shipped_is_evaluated_unless_it_is_disabled() -> None:
    name = shipped()[0].rules[0].name
    own = Group("own", "own.yml", (AlertingRule("Own", "x"),))

    assert names(groups_of(RulesSettings(), [own])) == names([own, *shipped()])
    chosen = groups_of(RulesSettings(disabled=[name]), [own])
    assert names(chosen) == names([own, *shipped()]) - {name}
    assert groups_of(RulesSettings(shipped=False), [own]) == [own]


def test_a_group_whose_rules_are_all_disabled_is_none() -> None:
    group = min(shipped(), key=lambda group: len(group.rules))
    every = sorted(names([group]))

    chosen = groups_of(RulesSettings(disabled=every), [])

    assert group.name not in {each.name for each in chosen}


def test_paths_of_runbooks_get_their_base() -> None:
    settings = RulesSettings(runbook_base="https://docs.example.org/es/", shipped=False)
    links = (("runbook_url", "docs/a.md"), ("other", "docs/a.md"))
    whole = (("runbook_url", "https://example.org/b.md"),)
    rules = (AlertingRule("A", "x", (), links), AlertingRule("B", "x", (), whole))

    (group,) = groups_of(settings, [Group("own", "own.yml", rules)])

    first, second = group.rules
    assert isinstance(first, AlertingRule)
    assert first.annotations == (
        ("runbook_url", "https://docs.example.org/es/docs/a.md"),
        ("other", "docs/a.md"),
    )
    assert second == rules[1]


def test_every_shipped_alert_has_a_level_and_a_runbook_of_the_house() -> None:
    root = Path(__file__).resolve().parents[3]
    rules = [rule for group in shipped() for rule in group.rules]

    assert len(rules) > 100
    for rule in rules:
        assert isinstance(rule, AlertingRule)
        levels = {""} if rule.name == "Watchdog" else {"P0", "P1", "P2", "P3"}
        assert dict(rule.labels).get("level", "") in levels
        assert (root / dict(rule.annotations)["runbook_url"]).is_file()
