"""What is damaged is found as what it is, and mended where it can be; in every kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from event_system.consistency.verify import Span
from event_system.delivery.replays.replay import to_bytes
from event_system.sql.tables.log import ROW_COLUMNS
from tests.contract.state.values import replay
from tests.support.kept import EVENTS, NOW, Kept, Statements, codes, filled
from tests.support.logs import BEHIND_STREAMS
from tests.support.sql import ENGINES, SharedDatabases

LOG, STATE, TYPES = "events.db", "state.db", "catalogue.db"
_ROW = ", ".join(column.name for column in ROW_COLUMNS)

_OF_30 = "FROM events WHERE {offset} = 30"

MENDABLE: Mapping[str, Statements] = {
    "cursor.ahead": [(STATE, "UPDATE cursors SET {offset} = 1000 WHERE lane = 1")],
    "cursor.lane": [(STATE, "UPDATE cursors SET lane = 9 WHERE lane = 2")],
    "cursor.unknown": [(STATE, "DELETE FROM listeners WHERE name = 'x'")],
    "failure.time": [
        (STATE, "UPDATE {failures} SET at_us = 4000000000000000000 WHERE {offset} = 3")
    ],
    "failure.event": [(STATE, "UPDATE {failures} SET {offset} = 999 WHERE {offset} = 5")],
    "failure.differs": [(STATE, "UPDATE {failures} SET lane = 99 WHERE {offset} = 3")],
    "failure.counts": [(STATE, "UPDATE {counts} SET number = 7 WHERE listener = 'x'")],
    "replay.unreadable": [(STATE, "UPDATE replays SET content = {bytes}")],
    "waiting.delivered": [
        (LOG, f"INSERT INTO scheduled (due_us, {_ROW}) SELECT 1, {_ROW} {_OF_30}")
    ],
}
"""Damage by the code that it has to be found under."""

ON_SERVERS: Mapping[str, Statements] = {
    "log.end": [("", "UPDATE log SET head = 50")],
    "log.room": [("", "UPDATE log SET room = 10000000")],
    "log.types": [("", "DELETE FROM log_types WHERE type = 'a.t1'")],
}

HOPELESS: Mapping[str, Statements] = {
    "catalogue.unreadable": [(TYPES, "UPDATE {types} SET entry = {bytes}")],
    "log.content": [(LOG, "UPDATE events SET data = {bytes} WHERE {offset} = 21")],
    "log.gap": [(LOG, "DELETE FROM events WHERE {offset} IN (10, 11)")],
    "log.key": [(LOG, "UPDATE events SET subject = 'forged' WHERE {offset} = 17")],
    "log.lane": [(LOG, "UPDATE events SET lane = 77 WHERE {offset} = 18")],
    "log.order": [(LOG, "UPDATE events SET received_us = 5 WHERE {offset} = 20")],
    "replay.ahead": [(STATE, "UPDATE replays SET content = {ahead}")],
    "schedule.ahead": [(LOG, "UPDATE schedules SET last_offset = 1000")],
    "schedule.unreadable": [(LOG, "UPDATE schedules SET definition = {bytes}")],
    "waiting.key": [(LOG, "UPDATE scheduled SET id = 'forged'")],
}


@pytest.fixture(params=["embedded", *ENGINES])
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[Kept]:
    async with filled(request.param, tmp_path, databases) as kept:
        yield kept


def harm(kept: Kept, statements: Statements) -> None:
    embedded = kept.dsn is None
    names = {
        "offset": {"sqlite": "offset", "postgresql": '"offset"', "mysql": "`offset`"}[kept.dialect],
        "types": "types" if embedded else "event_types",
        "failures": "retries" if embedded else "failures",
        "counts": "retries_counts" if embedded else "failure_counts",
        "bytes": literal(kept, b"{"),
        "ahead": literal(kept, to_bytes(replay("x", through=1000))),
    }
    kept.run(*((file, sql.format(**names)) for file, sql in statements))


def literal(kept: Kept, value: bytes) -> str:
    if kept.dialect == "postgresql":
        return f"decode('{value.hex()}', 'hex')"
    return f"x'{value.hex()}'"


def test_what_a_node_leaves_agrees(kept: Kept) -> None:
    report = kept.verify()

    assert (report.findings, report.notices) == ([], [])
    assert (report.events, report.first, report.last) == (EVENTS, 1, EVENTS)


@pytest.mark.parametrize("log", BEHIND_STREAMS)
async def test_what_a_node_with_a_stream_in_front_leaves_agrees(
    log: str, tmp_path: Path, databases: SharedDatabases
) -> None:
    async with filled(log, tmp_path, databases) as kept:
        assert kept.verify().findings == []


def test_damage_is_found_as_what_it_is_and_mended(kept: Kept) -> None:
    damages = {**MENDABLE, **(ON_SERVERS if kept.dsn is not None else {})}

    for code, statements in damages.items():
        harm(kept, statements)
        mended = kept.verify(repairing=True)
        assert codes(mended) == {code}
        assert mended.is_clean
    assert kept.verify().findings == []


def test_nothing_is_changed_unless_that_is_asked_for(kept: Kept) -> None:
    for statements in MENDABLE.values():
        harm(kept, statements)

    found = codes(kept.verify())

    assert found == set(MENDABLE)
    assert codes(kept.verify()) == found


def test_what_no_repair_can_mend_is_named_with_its_remedy(kept: Kept) -> None:
    found: set[str] = set()
    report = kept.verify()

    for code, statements in HOPELESS.items():
        harm(kept, statements)
        report = kept.verify(repairing=True)
        found.add(code)
        assert codes(report) == found
    assert not report.is_clean
    for entry in report.findings:
        assert (entry.repaired, entry.repair) == (0, None)
        assert entry.remedy
        assert 1 <= len(entry.examples) <= entry.count


def test_a_state_that_does_not_exist_becomes_a_dead_letter(kept: Kept) -> None:
    harm(kept, [(STATE, "UPDATE {failures} SET state = 'odd' WHERE {offset} = 3")])

    found = codes(kept.verify(repairing=True))

    assert found - {"failure.counts"} == {"failure.state"}
    assert kept.verify().findings == []


def test_much_of_the_same_is_counted_and_shown_in_a_few_examples(kept: Kept) -> None:
    harm(kept, [(LOG, "UPDATE events SET lane = 77")])

    _, entry = kept.verify().findings  # failed deliveries have other lanes now, too

    assert (entry.code, entry.count, len(entry.examples)) == ("log.lane", EVENTS, 10)
    assert entry.examples[0].startswith("offset 1: lane 77 instead of ")


def test_a_walk_can_be_bounded(kept: Kept) -> None:
    harm(kept, [(LOG, "UPDATE events SET lane = 77 WHERE {offset} = 18")])

    late = kept.verify(Span(first=19))
    newest = kept.verify(Span(newest=10))
    early = kept.verify(Span(first=18))

    assert (late.findings, late.first, late.events) == ([], 19, EVENTS - 18)
    assert (newest.findings, newest.first, newest.events) == ([], EVENTS - 9, 10)
    assert codes(early) == {"log.lane"}
    assert codes(kept.verify(Span(newest=10**9))) == {"log.lane"}
    assert (empty := kept.verify(Span(first=10**9))).findings == []
    assert empty.events == 0


def test_what_retention_has_deleted_is_no_gap(kept: Kept) -> None:
    floor = (
        (LOG, "INSERT INTO facts VALUES ('floor', 40)")
        if kept.dsn is None
        else ("", "UPDATE log SET floor = 40")
    )
    harm(
        kept,
        [(LOG, "DELETE FROM events WHERE {offset} <= 40 AND {offset} NOT IN (3, 5, 7)"), floor],
    )

    report = kept.verify()

    assert report.findings == []
    assert [entry.code for entry in report.notices] == ["cursor.behind"]
    assert report.is_clean


def test_an_event_sent_at_once_with_the_id_of_one_that_waits_is_no_finding(kept: Kept) -> None:
    """It came before its twin was due; that one is dropped when it is."""
    twin = f"INSERT INTO scheduled (due_us, {_ROW}) SELECT {NOW + 10**9}, {_ROW} {_OF_30}"

    harm(kept, [(LOG, twin)])

    assert kept.verify().findings == []
