from __future__ import annotations

from typing import Any

import msgspec
import pytest

from event_system.cache.invalidation import Rules, check_template
from event_system.events.event import Event, event_of
from tests.support.rows import row


def event(type_: str, subject: str | None = "p1", **data: Any) -> Event:
    return event_of(1, row("e", type_=type_, subject=subject, data=msgspec.json.encode(data)))


RULES = Rules(
    {
        "player.*": ["player:{subject}", "top"],
        "player.level_up": ["level:{data.level}", "guild:{data.guild.id}"],
        ">": ["from:{source}:{type}"],
    }
)


def test_an_event_concerns_the_tags_of_every_rule_that_matches() -> None:
    tags = RULES.tags_of(event("player.level_up", level=10, guild={"id": "g7"}))

    assert tags == ["player:p1", "top", "level:10", "guild:g7", "from:game:player.level_up"]
    assert RULES.tags_of(event("chain.block")) == ["from:game:chain.block"]


@pytest.mark.parametrize("guild", [None, {}, {"id": None}, {"id": [1]}, {"id": True}, "g", 7])
def test_a_tag_whose_field_is_missing_is_left_out(guild: Any) -> None:
    tags = RULES.tags_of(event("player.level_up", None, guild=guild))

    assert tags == ["top", "from:game:player.level_up"]


def test_a_tag_that_is_too_long_for_any_entry_is_left_out() -> None:
    assert RULES.tags_of(event("player.login", "p" * 300)) == ["top", "from:game:player.login"]


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("a", "a"),
        ("{subject}", "p1"),
        ("a:{data.x.y}:{source}", "a:7:game"),
        ("玩家:{type}", "玩家:player.login"),
    ],
)
def test_templates_that_can_be_filled(template: str, tag: str) -> None:
    check_template(template)

    rules = Rules({"player.login": [template]})
    assert rules.tags_of(event("player.login", x={"y": 7})) == [tag]


@pytest.mark.parametrize("template", ["", "x" * 257, "{id}", "{data}", "{data.}", "{", "a}", "{}"])
def test_templates_that_cannot(template: str) -> None:
    with pytest.raises(ValueError, match=r"tag|none of|brace"):
        check_template(template)
