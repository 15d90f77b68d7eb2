from __future__ import annotations

from event_system.alerting.fingerprints import fingerprint
from event_system.alerting.known import KnownAlerts
from tests.support.alerting import labelled


class Watched(dict[str, str]):
    """Labels that know how often a value of theirs was read."""

    reads = 0

    def __getitem__(self, name: str) -> str:
        self.reads += 1
        return super().__getitem__(name)


def test_the_very_labels_that_were_reported_last_are_not_hashed_again() -> None:
    known, first, second = KnownAlerts(), Watched(a="b"), Watched(a="b")
    known.put(labelled(first))
    known.put(labelled(second))
    first.reads = second.reads = 0

    other = {"a": "c"}
    names = [fingerprint(labels) for labels in ({"a": "b"}, other, {"a": "b"})]
    assert known.fingerprints([first, other, second]) == names
    assert (first.reads, second.reads) == (1, 0)
    assert len(known) == 1


def test_one_that_is_forgotten_is_not_found() -> None:
    known, labels = KnownAlerts(), Watched(a="b")
    known.put(labelled(labels))
    (alert,) = known
    known.drop(alert)
    labels.reads = 0

    assert known.fingerprints([labels]) == [alert.fingerprint]
    assert labels.reads == 1
    assert known.get(alert.fingerprint) is None


def test_labels_in_the_place_of_others_in_memory_are_not_taken_for_them() -> None:
    known = KnownAlerts()
    for number in range(1_000):  # each is gone when the next is made, often in its place
        known.put(labelled({"a": "b"}))
        labels = {"c": str(number)}
        assert known.fingerprints([labels]) == [fingerprint(labels)]
