from __future__ import annotations

import pytest

from event_system.incidents.incident import SYSTEM
from event_system.kernel.errors import (
    EventSystemError,
    IncidentChangedError,
    IncidentNotFoundError,
    IncidentTransitionError,
    InvalidIncidentError,
)
from tests.support.incidents import (
    MINUTE,
    START,
    running,
    signal,
)


async def test_an_incident_goes_through_the_ten_steps() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow", service="api"))
        incident = case.incident.id
        assert incident == "INC-20261118-0001"
        await world.act(case, "acknowledge")
        await world.act(case, "analyse", text="slow disks")
        await world.act(case, "mitigate", text="moved to others")
        await world.act(case, "update", text="getting better")
        await world.ends("Slow", 900)
        await world.passes(900)
        states = [entry.what for entry in case.timeline if entry.what not in {"sent", "paging"}]
        assert states == [
            *("triggered", "classified", "acknowledged", "analysed", "mitigated", "updated"),
            *("alert_ended", "quiet", "resolved", "recovered"),
        ]
        assert case.incident.state == "recovered"
        assert case.incident.resolved_by == SYSTEM
        await world.manager.start_postmortem(incident, "ann", "en")
        await world.act(case, "close")
        await world.outbox.drain()

        assert world.manager.get(incident).incident.state == "closed"
        assert [each.type for each in world.announced if each.type != "incident.notified"] == [
            *("incident.triggered", "incident.classified", "incident.acknowledged"),
            *("incident.analysed", "incident.mitigated", "incident.updated"),
            *("incident.resolved", "incident.recovered", "postmortem.started", "incident.closed"),
        ]


async def test_who_was_told_of_the_beginning_is_told_of_the_end_with_value_and_duration() -> None:
    async with running() as world:
        case = await world.fires(signal("Down", level="P0"))
        await world.act(case, "acknowledge")
        await world.ends("Down", 60)
        await world.passes(300)
        recovery = [page for page in world.phone.pages if page.told[0].purpose == "recovery"]

        assert [(page.target, page.method) for page in recovery] == [
            ("person:ann", "email"),
            ("person:ann", "slack"),
            ("person:ann", "sms"),
        ]
        told = recovery[0].told[0]
        assert (told.value, told.since_us, told.ended_us) == ("42", START, START + 5 * MINUTE)
        assert told.links == {}


async def test_a_p0_that_nobody_has_answered_does_not_resolve_by_itself() -> None:
    async with running() as world:
        case = await world.fires(signal("Down", level="P0"))
        await world.ends("Down", 60)
        await world.passes(3600)
        assert case.incident.is_open
        await world.act(case, "acknowledge")

        assert case.incident.state == "recovered"


async def test_what_is_told_again_changes_nothing() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow"))
        before = (case.incident, list(case.timeline), dict(case.alerts))
        await world.fires(signal("Slow"), signal("Slow"))

        assert (case.incident, case.timeline, case.alerts) == before


async def test_an_end_whose_beginning_was_not_heard_opens_nothing() -> None:
    async with running() as world:
        await world.manager.receive([signal("Slow", ends=60)])

        assert world.open_cases == []


async def test_a_flap_updates_the_incident_and_reopens_one_just_resolved() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow"))
        await world.ends("Slow", 60)
        await world.passes(120)
        await world.fires(signal("Slow", at=120))
        assert (case.incident.flaps, case.incident.quiet_us) == (1, 0)

        await world.act(case, "resolve")
        await world.manager.receive([signal("Slow", ends=130)])
        await world.passes(240)
        await world.fires(signal("Slow", at=360))
        assert case.incident.state == "notified"
        assert (case.incident.flaps, case.incident.reopened) == (2, 1)

        await world.act(case, "resolve")
        await world.manager.receive([signal("Slow", ends=400)])
        await world.passes(1000)
        other = await world.fires(signal("Slow", at=1360))

        assert other.incident.id == "INC-20261118-0002"


async def test_an_alert_that_fires_on_reopens_what_was_resolved_too_early() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow"))
        await world.act(case, "resolve")
        await world.fires(signal("Slow"))
        assert not case.incident.is_open
        await world.passes(600)
        await world.fires(signal("Slow"))

        assert case.incident.is_open


async def test_incidents_are_merged_and_split_by_people() -> None:
    async with running() as world:
        one = await world.fires(signal("A", level="P2"))
        two = await world.fires(signal("B", level="P1"))
        await world.act(two, "merge", "ann", into=one.incident.id)
        assert [case.incident.id for case in world.open_cases] == [one.incident.id]
        assert set(one.alerts) == {"fp-A", "fp-B"}
        assert one.incident.level == "P1"
        gone = world.manager.get(two.incident.id).incident
        assert (gone.state, gone.merged_into) == ("merged", one.incident.id)

        await world.act(one, "split", alerts=["fp-B"], title="B alone")
        assert {frozenset(case.alerts) for case in world.open_cases} == {
            frozenset({"fp-A"}),
            frozenset({"fp-B"}),
        }
        await world.act(world.case_of("fp-B"), "resolve")
        assert one.incident.is_open


async def test_everybody_who_knew_of_a_merged_incident_hears_of_the_end() -> None:
    async with running() as world:
        one = await world.fires(signal("A", level="P2"))
        world.people.schedules["primary"] = ("cid",)
        two = await world.fires(signal("B", level="P2"))
        await world.act(two, "merge", into=one.incident.id)
        await world.act(one, "resolve")

        assert {who for who, _, why in world.told if why == "recovery"} == {"ann", "cid"}


@pytest.mark.parametrize(
    ("verb", "asked", "error", "where"),
    [
        ("analyse", {"text": "x"}, IncidentTransitionError, "state"),
        ("close", {}, IncidentTransitionError, "state"),
        ("update", {}, InvalidIncidentError, "text"),
        ("update", {"text": "x" * 10_001}, InvalidIncidentError, "text"),
        ("update", {"text": "\x1b[2J"}, InvalidIncidentError, "text"),
        ("assign", {}, InvalidIncidentError, "assignee"),
        ("snooze", {"seconds": 0}, InvalidIncidentError, "seconds"),
        ("snooze", {"seconds": 10**9}, InvalidIncidentError, "seconds"),
        ("reclassify", {"level": "P9"}, InvalidIncidentError, "level"),
        ("merge", {"into": "INC-1"}, IncidentNotFoundError, "id"),
        ("merge", {"into": "INC-20261118-0001"}, InvalidIncidentError, "into"),
        ("split", {"alerts": ["fp-A"]}, InvalidIncidentError, "alerts"),
        ("split", {"alerts": ["fp-X"]}, InvalidIncidentError, "alerts"),
        ("acknowledge", {"version": 1}, IncidentChangedError, "version"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    verb: str, asked: dict[str, object], error: type[EventSystemError], where: str
) -> None:
    async with running() as world:
        case = await world.fires(signal("A"))
        before = (case.incident, list(case.timeline))
        with pytest.raises(error) as raised:
            await world.act(case, verb, **asked)  # type: ignore[arg-type]

        assert raised.value.where == where
        assert (case.incident, case.timeline) == before


async def test_of_two_people_who_saw_the_same_version_one_comes_too_late() -> None:
    async with running() as world:
        case = await world.fires(signal("A"))
        seen = case.incident.version
        await world.act(case, "assign", "ann", assignee="ann", version=seen)
        with pytest.raises(IncidentChangedError):
            await world.act(case, "assign", "bob", assignee="bob", version=seen)

        assert case.incident.assignee == "ann"
