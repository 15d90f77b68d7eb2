from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting import brief
from tests.support.alerting import labelled, notification

label_sets = st.dictionaries(st.sampled_from("abc"), st.text(max_size=2_000), min_size=1)


@given(st.lists(label_sets, min_size=1, max_size=20), st.integers(1, 20))
def test_it_has_a_bound_and_every_alert_is_shown_or_counted(
    sets: list[dict[str, str]], times: int
) -> None:
    alerts = [labelled(labels) for labels in sets] * times

    text = brief.text(notification(*alerts))

    lines = text.split("\n")
    assert len(text.encode("utf-8", "replace")) <= brief.MOST_BYTES
    counted = lines[-1].startswith("and ")
    shown = sum(line.startswith("resolved {") for line in lines)
    left = int(lines[-1].split()[1].replace(",", "")) if counted else 0
    assert shown + left == len(alerts)


def test_what_is_short_is_shown_whole() -> None:
    told = notification(labelled({"alertname": "Down", "job": "api"}))

    assert brief.subject(told) == '[RESOLVED:1] {alertname="Down"}'
    assert brief.text(told).splitlines()[-1] == 'resolved {alertname="Down", job="api"}'
