"""`event-system types` against a node."""

from __future__ import annotations

import json
from pathlib import Path

from event_system.kernel.errors import IncompatibleSchemaError, TypeNotFoundError
from tests.support.command import command
from tests.support.site import Site

LEVEL = {"type": "object", "required": ["level"]}


def _file(directory: Path, name: str, value: object) -> str:
    path = directory / name
    path.write_text(json.dumps(value))
    return str(path)


async def test_a_type_is_made_shown_changed_listed_and_deleted(site: Site, tmp_path: Path) -> None:
    schema = _file(tmp_path, "level.json", LEVEL)

    made = await command(site, "types", "set", "game.won", "--schema", schema, "--owner", "team")
    changed = await command(
        site,
        *("types", "set", "game.won", "--disabled", "--rate", "5", "--burst", "9"),
        *("--deprecated", "old", "--replacement", "game.over", "--max-size", "100", "--json"),
    )
    shown = await command(site, "types", "show", "game.won")
    listed = await command(site, "types", "list", "--deprecated")

    assert made.out == "game.won: schema version 1, revision 1\n"
    assert (changed.json["owner"], changed.json["enabled"]) == ("team", False)
    assert changed.json["rate_limit"] == {"per_second": 5.0, "burst": 9}
    assert changed.json["deprecated"] == {"message": "old", "replacement": "game.over"}
    assert '"required": [' in shown.out
    assert listed.out.splitlines()[1].split()[:5] == ["game.won", "strict", "off", "1", "team"]

    lifted = await command(
        site,
        *("types", "set", "game.won", "--enabled", "--rate", "0", "--max-size", "0"),
        *("--deprecated", "", "--json"),
    )
    members = ("enabled", "rate_limit", "max_size", "deprecated")
    assert [lifted.json[name] for name in members] == [True, None, None, None]

    deleted = await command(site, "types", "delete", "game.won")
    assert deleted.out == "game.won: deleted\n"
    gone = await command(site, "types", "show", "game.won")
    assert isinstance(gone.error, TypeNotFoundError)


async def test_a_whole_entry_comes_from_a_file(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "entry.yaml"
    path.write_text("owner: team\nschema: {type: object}\nmode: lenient\n")

    done = await command(site, "types", "set", "game.won", "--file", str(path), "--json")

    assert (done.json["mode"], done.json["owner"], done.json["current"]) == ("lenient", "team", 1)


async def test_a_version_that_narrows_needs_force(site: Site, tmp_path: Path) -> None:
    wide, narrow = _file(tmp_path, "a.json", True), _file(tmp_path, "b.json", LEVEL)
    await command(site, "types", "set", "game.won", "--schema", wide)

    refused = await command(site, "types", "add-version", "game.won", narrow)
    forced = await command(site, "types", "add-version", "game.won", narrow, "--force", "--json")
    old = await command(site, "types", "show", "game.won", "--version", "1")

    assert isinstance(refused.error, IncompatibleSchemaError)
    assert [fault["where"] for fault in refused.error.faults] == ["#/type", "#/required"]
    assert forced.json["current"] == 2
    assert old.json is True


async def test_check_tells_faults_and_its_exit_code(site: Site, tmp_path: Path) -> None:
    level = _file(tmp_path, "level.json", LEVEL)
    await command(site, "types", "set", "game.won", "--schema", level)

    good = await command(site, "types", "check", "game.won", "--data", '{"level": 1}')
    bad = await command(site, "types", "check", "game.won", "--data", "{}")
    schema = await command(site, "types", "check", "game.won", "--schema", level, "--json")

    assert (good.code, good.out) == (0, "ok\n")
    assert (bad.code, bad.out) == (1, '$.data: "level" is a required property\nnot ok\n')
    assert schema.json["ok"] is True


async def test_a_schema_is_inferred_from_the_newest_events(site: Site) -> None:
    for level in range(5):
        await site.trigger("game.won", data={"level": level, "class": "mage"})
    await site.trigger("game.lost", data=1)

    every = await command(site, "types", "infer", "game.won", "--json")
    some = await command(site, "types", "infer", "game.won", "--sample", "3")

    assert every.json == {
        "type": "game.won",
        "samples": 5,
        "schema": {
            "type": "object",
            "required": ["class", "level"],
            "properties": {"class": {"type": "string"}, "level": {"type": "integer"}},
        },
    }
    assert some.err == "from 3 events\n"
