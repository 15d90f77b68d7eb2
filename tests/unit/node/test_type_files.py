"""Event types from files: all faults at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.kernel.errors import ConfigurationError, InvalidTypeError
from event_system.node.configuration import load_settings
from event_system.node.type_files import declared_types, read_type_files

EXAMPLES = Path(__file__).parents[3] / "examples" / "types"
GOOD = """
game.won:
  owner: team
  deprecated: {since: 2026-11-21, replacement: game.over}
  versions:
    - schema: {type: object}
      note: first
    - {schema: {type: [object, "null"]}}
"""
BAD = """game.won:
  mode: loose
game.lost:
  schema:
    type: object
    properties:
      level: {type: integre}
"no name":
  owner: x
"""


def test_an_entry_has_its_versions_and_the_file_as_its_origin(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)

    [entry] = read_type_files(["a.yaml"], tmp_path).checked()

    assert (entry.name, entry.current, len(entry.versions)) == ("game.won", 2, 2)
    assert entry.origin == str(tmp_path / "a.yaml")
    assert entry.deprecated is not None
    assert entry.deprecated.since == "2026-11-21"


def test_a_folder_is_read_in_order_and_other_files_left_alone(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.json", "c.txt"):
        (tmp_path / name).write_text(f'{{"{name[0]}.x": {{"schema": true}}}}')

    found = read_type_files(["."], tmp_path)

    assert [entry.name for entry in found.checked()] == ["a.x", "b.x"]


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BAD)
    (tmp_path / "b.yaml").write_text("game.draw: {}")
    (tmp_path / "c.yaml").write_text("game.draw: {}")

    faults = [str(fault) for fault in read_type_files(["."], tmp_path).faults]

    path = tmp_path / "a.yaml"
    assert faults[0].startswith(f"{path}:2: game.won.mode: Invalid enum value 'loose'")
    assert faults[1].startswith(f"{path}:7: game.lost.schema.properties.level.type: ")
    assert faults[2].startswith(f"{path}:8: no name: ")
    assert faults[3] == f"{tmp_path / 'c.yaml'}:1: game.draw: is declared in {tmp_path}/b.yaml too"
    assert len(faults) == 4


def test_a_configuration_with_a_bad_type_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "types.yaml").write_text(BAD)
    config = tmp_path / "config.yaml"
    config.write_text("types: {files: [types.yaml, absent.yaml]}")

    with pytest.raises(ConfigurationError, match=r"(?s)types\.yaml:2:.*absent\.yaml: cannot be"):
        load_settings(config, {})


def test_files_are_watched_and_lie_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "a.yaml").write_text(GOOD)
    config = tmp_path / "config.yaml"
    config.write_text("types: {files: [types]}")

    loaded = load_settings(config, {})

    assert [entry.name for entry in loaded.types] == ["game.won"]
    assert set(loaded.files) == {config, tmp_path / "types", tmp_path / "types" / "a.yaml"}


def test_the_shipped_types_are_those_of_a_game() -> None:
    names = [entry.name for entry in read_type_files([str(EXAMPLES)], Path()).checked()]

    assert names == [
        *("activity.start", "activity.end"),
        *("player.login", "player.logout", "player.level_up"),
    ]


def test_types_are_declared_in_code_by_name_or_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)

    entries = declared_types([{"name": "a.b", "schema": True}, tmp_path / "a.yaml"])

    assert [entry.origin for entry in entries] == ["code", str(tmp_path / "a.yaml")]
    with pytest.raises(InvalidTypeError):
        declared_types([{"schema": True}])
