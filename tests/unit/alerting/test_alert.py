from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from event_system.alerting.alert import Alert, merged, taken_in
from event_system.alerting.fingerprints import fingerprint
from event_system.alerting.reports import Report
from event_system.alerting.reports import accepted as accepted_as
from event_system.kernel.errors import InvalidAlertError
from tests.support.alerting import NOW, SECOND, alert

seconds = st.integers(-100, 100)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    starts = draw(seconds)
    return alert(starts, starts + draw(st.integers(1, 100)), draw(seconds))


@given(alerts(), alerts())
def test_the_earliest_start_and_the_newest_annotations_win(one: Alert, other: Alert) -> None:
    found = merged(one, other, NOW)

    assert found.starts_us == min(one.starts_us, other.starts_us)
    assert found.updated_us == max(one.updated_us, other.updated_us)


@given(alerts(), alerts())
def test_a_merge_with_what_came_of_it_changes_nothing(one: Alert, other: Alert) -> None:
    found = merged(one, other, NOW)

    assert merged(found, found, NOW) == found


@given(alerts(), alerts())
def test_what_was_resolved_by_its_sender_is_resolved(known: Alert, new: Alert) -> None:
    """A newer report that says so ends the alert, whatever was known."""
    if new.updated_us >= known.updated_us and new.resolved_at(NOW):
        assert taken_in(known, new, NOW).resolved_at(NOW)


def test_a_later_end_that_was_given_wins_over_a_timeout() -> None:
    known, new = alert(-50, 200, -50), alert(-10, 100, -10)

    assert merged(known, new, NOW).ends_us == known.ends_us


def test_an_alert_keeps_the_value_with_which_it_began() -> None:
    def valued(value: str, *moments: float) -> Alert:
        return replace(alert(*moments), value=value)

    known = valued("1", -50, 100, -50)

    assert taken_in(known, valued("2", -50, 200, -10), NOW).value == "1"
    assert taken_in(known, valued("2", -50, -10, -10), NOW).value == "1"
    assert taken_in(known, valued("2", -20, 50, -20), NOW).value == "1"
    assert taken_in(known, valued("2", -60, 50, -10), NOW).value == "2"
    assert taken_in(valued("1", -50, -20, -20), valued("2", -10, 100, -10), NOW).value == "2"
    assert taken_in(valued("", -50, 100, -50), valued("2", -50, 200, -10), NOW).value == "2"


def test_an_alert_that_comes_back_starts_anew() -> None:
    known, new = alert(-100, -50, -50), alert(-10, 100, -10)

    assert taken_in(known, new, NOW) == new


def accepted(report: Report, now_us: int, timeout_us: int, known: Alert | None = None) -> Alert:
    return accepted_as(report, fingerprint(report.labels), now_us, timeout_us, known)


def report(**members: object) -> Report:
    return Report(**{"labels": {"a": "b"}, **members})  # type: ignore[arg-type]


texts = st.dictionaries(st.sampled_from(["a", "b", "0"]), st.sampled_from(["", "x", "y" * 70_000]))
moments = st.none() | st.integers(-100, 100).map(lambda seconds: NOW + seconds * SECOND)


@given(texts, texts, moments, moments, st.booleans())
def test_a_report_of_what_is_known_is_taken_like_a_new_one(
    labels: dict[str, str],
    annotations: dict[str, str],
    starts_us: int | None,
    ends_us: int | None,
    is_same: bool,
) -> None:
    def outcome(given: Report, known: Alert | None) -> Alert | str:
        try:
            return accepted(given, NOW, SECOND, known)
        except InvalidAlertError as error:
            return error.detail

    try:
        known = accepted(report(labels=labels), NOW - SECOND, SECOND)
    except InvalidAlertError:
        return
    found = known.annotations if is_same else annotations
    again = report(
        labels=labels, annotations=found, starts_us=starts_us, ends_us=ends_us, value="1"
    )

    assert outcome(again, known) == outcome(again, None)


def test_without_moments_an_alert_begins_now_and_ends_after_the_timeout() -> None:
    found = accepted(report(), NOW, 300 * SECOND)

    assert (found.starts_us, found.ends_us) == (NOW, NOW + 300 * SECOND)
    assert found.is_timeout


def test_with_an_end_alone_it_began_then() -> None:
    found = accepted(report(ends_us=NOW - SECOND), NOW, 300 * SECOND)

    assert found.starts_us == found.ends_us == NOW - SECOND


@given(st.integers(-(10**15), 10**15))
def test_an_end_in_the_past_is_one_however_long_ago(ends_us: int) -> None:
    assert accepted(report(ends_us=ends_us), NOW, SECOND).resolved_at(NOW)


def test_empty_labels_are_left_out() -> None:
    assert accepted(report(labels={"a": "b", "c": ""}), NOW, SECOND).labels == {"a": "b"}


@pytest.mark.parametrize(
    "members",
    [
        {"labels": {}},
        {"labels": {"a": ""}},
        {"labels": {"0a": "b"}},
        {"annotations": {"a-b": "c"}},
        {"labels": {f"l{i}": "x" for i in range(101)}},
        {"labels": {"a": "x" * 70_000}},
        {"starts_us": NOW, "ends_us": NOW - 1},
        {"generator_url": "x" * 9000},
    ],
)
def test_what_is_no_alert_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(InvalidAlertError):
        accepted(report(**members), NOW, SECOND)
