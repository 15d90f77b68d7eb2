"""Events held against an entry."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from event_system.events.catalogue.changes import declared
from event_system.events.catalogue.check import EntryCheck, Tally
from event_system.events.codec import CloudEventDraft, Draft
from event_system.kernel.errors import (
    DisabledTypeError,
    EventTooLargeError,
    SchemaMismatchError,
)
from tests.unit.events.catalogue.schemas import DOCUMENTS

FIRST = {"type": "object", "required": ["level"]}
SECOND = {"type": "object", "required": ["rank"]}
API = "http://node:8080/api/types/game.won/versions/"


class Held:
    """An entry, and what happens to events that are held against it."""

    def __init__(self, **entry: Any) -> None:
        self.notices: list[str] = []
        self.tally = Tally(lambda name, text: self.notices.append(f"{name} {text}"))
        self._check = EntryCheck(declared("game.won", entry, "test"), self.tally)

    def short(self, data: Any) -> None:
        self._check(Draft("game.won"), msgspec.json.encode(data))

    def cloud(self, data: bytes | None, media_type: str | None = None, **extensions: Any) -> None:
        draft = CloudEventDraft(
            "game.won", id="1", source="s", media_type=media_type, extensions=extensions
        )
        self._check(draft, data)


def test_data_that_fits_is_accepted_and_other_data_refused_with_its_place() -> None:
    held = Held(schema=FIRST)

    held.short({"level": 1})
    with pytest.raises(SchemaMismatchError) as refused:
        held.short({"rank": 1})

    assert refused.value.where == "$.data"
    assert "level" in refused.value.detail
    assert [fault["keyword"] for fault in refused.value.faults] == ["#/required"]
    assert held.tally.violations == {("game.won", "refused"): 1}


def test_a_lenient_type_accepts_counts_and_tells() -> None:
    held = Held(schema=FIRST, mode="lenient")

    held.short({"secret": "not in the log"})

    assert held.tally.violations == {("game.won", "accepted"): 1}
    assert held.notices == ["game.won does not fit its schema: $.data (#/required)"]


def test_absent_data_counts_as_null() -> None:
    with pytest.raises(SchemaMismatchError):
        Held(schema=FIRST).cloud(None)
    Held(schema={"type": "null"}).cloud(None)


@pytest.mark.parametrize(
    ("dataschema", "fits"),
    [
        (None, "rank"),
        (f"{API}1/schema", "level"),
        (f"{API}2/schema", "rank"),
        ("https://schemas.example.com/game.won/1", "level"),
        ("https://schemas.example.com/game.won/v1", "level"),
        ("https://schemas.example.com/game.won#v1", "level"),
        ("urn:game.won#1", "level"),
        ("https://schemas.example.com/other/1", "rank"),
        ("https://schemas.example.com/xgame.won/1", "rank"),
        ("https://schemas.example.com/game_won/1", "rank"),
    ],
)
def test_an_event_claims_a_version_by_its_dataschema(dataschema: str | None, fits: str) -> None:
    held = Held(versions=[{"schema": FIRST}, {"schema": SECOND}])
    extensions = {} if dataschema is None else {"dataschema": dataschema}

    held.cloud(msgspec.json.encode({fits: 1}), **extensions)
    with pytest.raises(SchemaMismatchError):
        held.cloud(b"{}", **extensions)


def test_a_version_that_does_not_exist_is_a_fault_of_the_claim() -> None:
    with pytest.raises(SchemaMismatchError) as refused:
        Held(schema=FIRST).cloud(b'{"level": 1}', dataschema=f"{API}7/schema")

    assert refused.value.where == "$.dataschema"


def test_data_that_is_no_json_does_not_fit() -> None:
    with pytest.raises(SchemaMismatchError) as refused:
        Held(schema=FIRST).cloud(b"level", media_type="text/plain")

    assert refused.value.where == "$.datacontenttype"


def test_a_type_that_is_off_is_refused_whatever_its_mode() -> None:
    with pytest.raises(DisabledTypeError):
        Held(mode="lenient", enabled=False).short({})


def test_data_over_the_types_size_is_refused() -> None:
    held = Held(max_size=10)

    held.short("12345678")
    with pytest.raises(EventTooLargeError):
        held.short("123456789")


def test_a_deprecated_type_is_accepted_and_counted() -> None:
    held = Held(deprecated={"replacement": "game.over"})

    held.short({})

    assert held.tally.deprecated == {"game.won": 1}
    assert held.notices == ["game.won is deprecated and still sent"]


@pytest.mark.parametrize("raw", [b'"\\ud800"', b"1e400", b"[" * 900 + b"]" * 900, b"9" * 400])
def test_data_at_the_edge_of_json_is_a_fault_and_no_crash(raw: bytes) -> None:
    held = Held(schema={"type": "boolean"}, mode="lenient")

    held.cloud(raw)

    assert held.tally.violations == {("game.won", "accepted"): 1}


@given(DOCUMENTS)
def test_an_entry_without_schema_asks_nothing(document: Any) -> None:
    held = Held(rate_limit={"per_second": 5, "burst": 10}, owner="team")

    assert not held._check.needed
    held.short(document)


@pytest.mark.parametrize("raw", [b"[1e999]", b"[" * 90 + b"]" * 90])
def test_what_is_read_with_trouble_is_judged_all_the_same(raw: bytes) -> None:
    Held(schema={"type": "array"}).short(msgspec.Raw(raw))
    with pytest.raises(SchemaMismatchError):
        Held(schema={"type": "object"}).short(msgspec.Raw(raw))
