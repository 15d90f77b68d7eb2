"""Which beginnings and ends of alerts become events."""

from __future__ import annotations

import msgspec

from event_system.alerting.alert import Alert
from event_system.alerting.announcing import owed
from tests.support.alerting import NOW, SECOND, alert


def types(before: Alert | None, after: Alert | None) -> list[str]:
    return [announcement.type for announcement in owed(before, after)]


def ended(fires: Alert) -> Alert:
    return msgspec.structs.replace(fires, ends_us=NOW + 60 * SECOND, updated_us=NOW + 60 * SECOND)


def test_a_beginning_and_an_end_are_announced_once() -> None:
    fires = alert(severity="critical")

    assert types(None, fires) == ["alert.firing"]
    assert types(fires, fires) == []
    assert types(fires, ended(fires)) == ["alert.resolved"]
    assert types(ended(fires), None) == []


def test_an_alert_that_nobody_reported_any_more_has_ended() -> None:
    assert types(alert(), None) == ["alert.resolved"]


def test_an_alert_of_no_severity_is_no_news() -> None:
    fires = alert(severity="none")

    assert types(None, fires) == types(fires, ended(fires)) == types(fires, None) == []
