"""Measures of incidents, objectives, and the report of a month."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.incidents.incident import Acknowledgement, Incident, Member
from event_system.incidents.reports.measures import by_service, figures
from event_system.incidents.reports.monthly import (
    Gathered,
    Item,
    MonthlyReport,
    Reported,
    month_span,
    monthly_report,
)
from event_system.incidents.reports.objectives import (
    BURN_WINDOWS,
    HOUR_US,
    Objective,
    incident_time,
    state_of,
)
from event_system.incidents.reports.rendering import duration, markdown, percent
from event_system.kernel.clock import to_us
from event_system.kernel.spans import Span

SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE_US = 60_000_000
DAY_US = 24 * HOUR_US


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


OCTOBER = Span(at("2026-10-01"), at("2026-11-01"))
LATER = at("2026-11-02")


def incident(start: str, minutes: float | None, **members: Any) -> Incident:
    """It begins then and lasts so long; without minutes it is open."""
    started_us = at(f"2026-{start}")
    plain: dict[str, Any] = {
        "id": f"INC-{start}",
        "title": "x",
        "level": "P0",
        "service": "api",
        "started_us": started_us,
        "opened_us": started_us,
        "updated_us": started_us,
    }
    if minutes is not None:
        end_us = started_us + int(minutes * MINUTE_US)
        plain |= {"state": "closed", "resolved_us": end_us}
    return Incident(**{**plain, **members})


def test_means_are_over_what_they_are_of() -> None:
    answered = incident("10-02T10:00", 30, acknowledged_us=at("2026-10-02T10:04"))
    late = incident("10-03T10:00", 90, acknowledged_us=at("2026-10-03T10:10"))
    unanswered = incident("10-04T10:00", 60)
    open_ = incident("10-31T23:00", None)

    found = figures([answered, late, unanswered, open_], OCTOBER, LATER)

    assert (found.incidents, found.acknowledged, found.resolved) == (4, 2, 3)
    assert found.mtta_seconds == 7 * 60
    assert found.mttr_seconds == 60 * 60
    assert found.by_level == {"P0": 4, "P1": 0, "P2": 0, "P3": 0}


def test_failures_that_overlap_count_their_time_once() -> None:
    both = [incident("10-02T10:00", 60), incident("10-02T10:30", 60), incident("10-05T00:00", 30)]

    found = figures(both, OCTOBER, LATER)

    assert found.down_seconds == 120 * 60
    assert found.availability == pytest.approx(1 - 2 / (31 * 24))
    assert found.mtbf_seconds == pytest.approx((31 * 24 - 2) * 3600 / 3)


def test_what_is_open_is_down_until_now_and_the_month_ends_now() -> None:
    now_us = at("2026-10-11")

    found = figures([incident("10-10T00:00", None)], OCTOBER, now_us)

    assert found.down_seconds == 86_400
    assert found.availability == pytest.approx(0.9)


def test_what_began_before_and_ends_after_counts_where_it_lies() -> None:
    long = incident("09-30T12:00", 60 * 24)

    found = figures([long], OCTOBER, LATER)

    assert (found.incidents, found.down_seconds, found.mtbf_seconds) == (0, 12 * 3600, None)


def test_lower_levels_are_no_downtime_and_merged_ones_no_incidents() -> None:
    slow = incident("10-02T10:00", 60, level="P2")
    merged = incident("10-02T10:00", 60, state="merged", merged_into="INC-1")

    found = figures([slow, merged], OCTOBER, LATER)

    assert (found.incidents, found.failures, found.down_seconds) == (1, 0, 0)
    assert found.availability == 1.0


def test_of_nothing_there_is_no_mean() -> None:
    found = figures([], OCTOBER, LATER)

    assert (found.mtta_seconds, found.mttr_seconds, found.mtbf_seconds) == (None, None, None)
    assert figures([], OCTOBER, OCTOBER.start_us).availability is None


INCIDENTS = st.lists(
    st.builds(
        lambda start, length, level, service: Incident(
            id=f"INC-{start}-{length}",
            title="x",
            level=level,
            service=service,
            state="triggered" if length is None else "resolved",
            started_us=start,
            opened_us=start,
            updated_us=start,
            resolved_us=0 if length is None else start + length,
        ),
        st.integers(OCTOBER.start_us - 40 * DAY_US, LATER),
        st.none() | st.integers(0, 20 * DAY_US),
        st.sampled_from(["P0", "P1", "P2", "P3"]),
        st.sampled_from(["api", "web"]),
    ),
    max_size=8,
)


@given(INCIDENTS, st.integers(OCTOBER.start_us, LATER))
def test_times_down_and_up_make_up_the_period(incidents: list[Incident], now_us: int) -> None:
    found = figures(incidents, OCTOBER, now_us)
    seconds = (min(OCTOBER.end_us, now_us) - OCTOBER.start_us) / 1_000_000

    assert 0 <= found.down_seconds <= seconds
    if found.availability is not None:
        assert found.availability * seconds + found.down_seconds == pytest.approx(seconds)


@given(INCIDENTS)
def test_the_downtime_of_all_is_between_the_longest_and_the_sum(incidents: list[Incident]) -> None:
    each = [figures(those, OCTOBER, LATER).down_seconds for those in by_service(incidents).values()]

    whole = figures(incidents, OCTOBER, LATER).down_seconds

    assert max(each, default=0) <= whole <= sum(each) + 1e-3


@given(INCIDENTS, st.integers(1, 30))
def test_days_of_downtime_add_up_to_the_month(incidents: list[Incident], days: int) -> None:
    cut_us = OCTOBER.start_us + days * DAY_US
    parts = (Span(OCTOBER.start_us, cut_us), Span(cut_us, OCTOBER.end_us))

    whole = figures(incidents, OCTOBER, LATER)
    halves = [figures(incidents, part, LATER) for part in parts]

    assert sum(half.down_seconds for half in halves) == pytest.approx(whole.down_seconds)
    assert sum(half.incidents for half in halves) == whole.incidents


def test_what_is_left_of_an_error_budget() -> None:
    """Three nines over 30 days allow 43 minutes and 12 seconds."""
    now_us = at("2026-10-31")
    objective = Objective(service="api", objective=0.999, window_us=30 * DAY_US)
    rate = incident_time([incident("10-10T00:00", 10.8)], now_us)

    state = state_of(objective, rate, now_us)

    assert state.reached == pytest.approx(1 - 10.8 / (30 * 1440))
    assert state.budget_left == pytest.approx(0.75)
    assert state.budget_left_seconds == pytest.approx(0.75 * 43.2 * 60)
    assert state.is_met
    assert not any(burn.fires for burn in state.burns)


def test_the_burn_rates_of_the_workbook() -> None:
    thresholds = [window.threshold(30 * DAY_US) for window in BURN_WINDOWS]

    assert thresholds == pytest.approx([14.4, 6.0, 1.0])


def test_a_budget_that_burns_fires_and_stops_when_it_burns_no_more() -> None:
    objective = Objective(service="api", objective=0.999, window_us=30 * DAY_US)
    down = incident("10-10T00:00", 10)
    during, after = at("2026-10-10T00:09"), at("2026-10-10T00:20")

    burning = state_of(objective, incident_time([down], during), during)
    over = state_of(objective, incident_time([down], after), after)

    assert [burn.fires for burn in burning.burns] == [True, True, True]
    assert [burn.urgency for burn in burning.burns] == ["page", "page", "ticket"]
    assert not over.burns[0].fires
    assert over.burns[0].long_rate is not None
    assert over.burns[0].long_rate > over.burns[0].threshold


def test_an_objective_of_which_nothing_is_known_says_so() -> None:
    objective = Objective(service="api", objective=0.999, window_us=30 * DAY_US)

    state = state_of(objective, lambda span: None, LATER)

    assert (state.reached, state.budget_left, state.is_met) == (None, None, None)
    assert not any(burn.fires for burn in state.burns)


def member(name: str, **members: Any) -> Member:
    fingerprint = f"{name}-1"
    return Member(fingerprint=fingerprint, starts_us=1, labels={"alertname": name}, **members)


def report(now_us: int = LATER) -> MonthlyReport:
    answered = incident(
        "10-02T10:00",
        30,
        acknowledged_us=at("2026-10-02T10:04"),
        acknowledgements=(Acknowledgement(who="li", at_us=at("2026-10-02T10:04")),),
    )
    ignored = incident("10-03T10:00", 5, level="P2", service="")
    elsewhere = incident("09-03T10:00", 5)
    items = [
        Item(incident="INC-1", text="a|b", owner="li", due_us=at("2026-10-20"), done_us=0),
        Item(incident="INC-1", text="c", owner="", due_us=0, done_us=0),
        Item(incident="INC-1", text="d", owner="", due_us=0, done_us=at("2026-10-20")),
    ]
    return monthly_report(
        "2026-10",
        UTC,
        Gathered(
            reported=[
                Reported(incident=answered, alerts=[member("Down")], pages={"li": 2}),
                Reported(
                    incident=ignored,
                    alerts=[member("Noise", flaps=5), member("Down")],
                    pages={"wang": 1},
                ),
                Reported(incident=elsewhere, alerts=[member("Old")], pages={"old": 9}),
            ],
            items=items,
        ),
        objectives=[
            state_of(
                Objective(service="api", objective=0.999, window_us=30 * DAY_US),
                incident_time([answered], now_us),
                now_us,
            )
        ],
        on_call_us={"li": 10 * HOUR_US, "zhao": HOUR_US},
        now_us=now_us,
    )


def test_a_month_holds_what_happened_in_it() -> None:
    found = report()

    assert (found.figures.incidents, found.is_over) == (2, True)
    assert list(found.services) == ["", "api"]
    assert [(each.name, each.times, each.answered) for each in found.top_alerts] == [
        ("Noise", 6, 0),
        ("Down", 2, 1),
    ]
    assert [each.name for each in found.noisy_alerts] == ["Noise"]
    assert [each.text for each in found.overdue_items] == ["a|b"]
    assert (len(found.open_items), found.done_items) == (2, 1)
    assert [(each.person, each.hours, each.pages, each.acknowledged) for each in found.load] == [
        ("li", 10.0, 2, 1),
        ("wang", 0.0, 1, 0),
        ("zhao", 1.0, 0, 0),
    ]


def test_a_month_goes_by_the_clocks_of_its_zone() -> None:
    assert month_span("2026-10", SHANGHAI) == Span(at("2026-09-30T16:00"), at("2026-10-31T16:00"))
    assert month_span("2026-12", UTC).end_us == at("2027-01-01")
    for text in ("2026-13", "2026-1", "october", "2026-00"):
        with pytest.raises(ValueError, match="is no month"):
            month_span(text, UTC)


def test_the_report_is_a_document_in_two_languages() -> None:
    english, chinese = (markdown(report(), language, LATER) for language in ("en", "zh"))

    assert "# Operations in 2026-10" in english
    assert "# 2026-10 运维回顾" in chinese
    assert "| api | 1 | 1 | 0 | 0 | 0 | 1 | 1 | 4m | 30m |" in english
    assert "| INC-1 | a\\|b | li | **2026-10-20** overdue |" in english
    assert "逾期" in chinese
    assert "Not final" not in english
    assert english.count("## ") == chinese.count("## ") == 8
    assert "Not final" in markdown(report(at("2026-10-30")), "en", at("2026-10-30"))


def test_an_empty_month_is_a_document_too() -> None:
    empty = monthly_report("2026-10", UTC, Gathered(reported=[]), now_us=LATER)

    text = markdown(empty, "en", LATER)

    assert "| all | 0 |" in text
    assert text.count("None.") == 5


def test_a_report_is_json() -> None:
    told = msgspec.json.decode(msgspec.json.encode(report()))

    assert told["figures"]["by_level"]["P0"] == 1
    assert told["objectives"][0]["burns"][0]["threshold"] == pytest.approx(14.4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0s"), (65, "1m 5s"), (90_061, "1d 1h"), (-120, "-2m"), (59.6, "1m")],
)
def test_durations_have_two_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (1.0, "100.000 %"),
        (0.9999999, "99.999 %"),
        (0.5, "50.000 %"),
        (-0.5, "-50.000 %"),
    ],
)
def test_a_share_is_never_rounded_up_to_all(share: float | None, text: str) -> None:
    assert percent(share) == text
