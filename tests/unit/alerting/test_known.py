from __future__ import annotations

from event_system.alerting.known import KnownAlerts
from tests.support.alerting import labelled


def test_an_alert_is_found_by_the_very_labels_with_which_it_was_reported_last() -> None:
    known, first, second = KnownAlerts(), {"a": "b"}, {"a": "b"}
    known.put(labelled(first))
    assert (found := known.of_labels(first)) is not None
    assert found.labels is first
    assert known.of_labels(second) is None
    known.put(labelled(second))

    assert known.of_labels(first) is None
    assert known.of_labels(second) is not None
    assert len(known) == 1


def test_one_that_is_forgotten_is_not_found() -> None:
    known, labels = KnownAlerts(), {"a": "b"}
    known.put(labelled(labels))
    (alert,) = known
    known.drop(alert)

    assert known.of_labels(labels) is None
    assert known.get(alert.fingerprint) is None


def test_labels_in_the_place_of_others_in_memory_are_not_taken_for_them() -> None:
    known = KnownAlerts()
    for number in range(1_000):  # each is gone when the next is made, often in its place
        known.put(labelled({"a": "b"}))
        assert known.of_labels({"c": str(number)}) is None
