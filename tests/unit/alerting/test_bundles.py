from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.alert import Alert
from event_system.alerting.bundles import bundled
from event_system.alerting.notification import Notification, status_of
from event_system.alerting.templates.templates import Templates
from tests.support.alerting import alert, notification


def state(name: str, updated: int, *, ended: bool) -> Alert:
    found = alert(updated=updated, alertname=name)
    return found if ended else msgspec.structs.replace(found, ends_us=0)


STATES = st.builds(state, st.sampled_from("abc"), st.integers(0, 9), ended=st.booleans())
NOTIFICATIONS = st.lists(STATES, min_size=1, max_size=4).map(lambda found: notification(*found))


def last(alerts: list[Alert]) -> dict[str, Alert]:
    """Of each the newest; the later one where both are as new."""
    found: dict[str, Alert] = {}
    for each in alerts:
        if each.fingerprint not in found or found[each.fingerprint].updated_us <= each.updated_us:
            found[each.fingerprint] = each
    return found


@given(st.lists(NOTIFICATIONS, min_size=2, max_size=5))
def test_nothing_is_lost_and_the_newest_state_is_told(waiting: list[Notification]) -> None:
    one = bundled(waiting)

    assert one.count == len(waiting)
    expected = last([each for every in waiting for each in every.alerts])
    assert {each.fingerprint: each for each in one.alerts} == expected
    assert len(one.alerts) == len(expected)


def test_one_alone_stays_as_it_is() -> None:
    alone = notification(state("a", 1, ended=False))

    assert bundled([alone]) is alone


def test_a_recovery_after_a_beginning_is_what_is_told() -> None:
    one = bundled(
        [notification(state("a", 1, ended=False)), notification(state("a", 2, ended=True))]
    )

    assert [status_of(each) for each in one.alerts] == ["resolved"]


def test_a_bundle_says_how_many_it_is_made_of() -> None:
    first = notification(state("a", 1, ended=False))
    other = replace(notification(state("b", 1, ended=False)), group_labels={"alertname": "b"})
    one, templates = bundled([first, other]), Templates()

    assert one.group_labels == {}
    assert templates.text('{{ template "__subject" . }}', one).startswith("(2 in one) [FIRING:2]")
    assert templates.text('{{ template "__subject_zh" . }}', one).startswith(
        "（合并 2 条通知）[告警:2]"
    )
