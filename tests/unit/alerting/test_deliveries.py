from __future__ import annotations

from event_system.alerting import deliveries
from event_system.alerting.deliveries import KEEP_US, KIND, MOST, Deliveries, Delivery, Wanted
from event_system.kernel.records import Changes
from tests.support.alerting import NOW, SECOND, alert, notification


class Kept:
    """Implements `Records`."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    async def load(self, kind: str) -> dict[str, bytes]:
        assert kind == KIND
        return dict(self.rows)

    async def save(self, changes: Changes) -> None:
        for key, value in changes[KIND].items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


class Now:
    def __init__(self) -> None:
        self.us = NOW

    def __call__(self) -> int:
        return self.us


ONE = notification(alert(alertname="a"), alert(alertname="b"))


def told(log: Deliveries, **wanted: object) -> list[Delivery]:
    return list(log.find(Wanted(**wanted)))  # type: ignore[arg-type]


async def test_the_log_is_kept_across_restarts() -> None:
    kept, now = Kept(), Now()
    log = Deliveries(kept, now)
    await log.start()
    sent = log.attempted(log.begin(ONE, "email[0]"), 250_000, status="sent")
    under_way = log.begin(ONE, "sms[0]")
    await log.stop()

    again = Deliveries(kept, now)
    await again.start()
    await again.stop()

    newest, oldest = told(again)
    assert oldest == sent
    assert oldest.attempts[0].took_us == 250_000
    assert (newest.id, newest.status, newest.error) == (under_way.id, "failed", "the process ended")


async def test_what_cannot_be_read_any_more_is_forgotten() -> None:
    kept = Kept()
    kept.rows["x"] = b"\xc1"
    log = Deliveries(kept, Now())
    await log.start()
    await log.stop()

    assert (told(log), kept.rows) == ([], {})


async def test_the_log_is_bounded_by_number_and_age() -> None:
    kept, now = Kept(), Now()
    log = Deliveries(kept, now)
    await log.start()
    for _ in range(MOST + 7):
        log.begin(ONE, "email[0]")
    assert len(told(log)) == MOST
    now.us += KEEP_US + SECOND
    newest = log.begin(ONE, "email[0]")
    log.sweep()
    await log.stop()

    assert told(log) == [newest]
    assert list(kept.rows) == [newest.id]


async def test_deliveries_are_found_by_what_they_are() -> None:
    now = Now()
    log = Deliveries(None, now)
    other = notification(alert(alertname="c"), receiver="other")
    first = log.begin(ONE, "email[0]")
    now.us += SECOND
    second = log.changed(log.begin(other, "email[0]"), status="failed")
    third = log.begin(ONE, "sms[0]")

    assert told(log) == [third, second, first]
    assert told(log, receiver="other") == [second]
    assert told(log, status="failed") == [second]
    assert told(log, fingerprint=ONE.alerts[1].fingerprint) == [third, first]
    assert told(log, since_us=NOW + SECOND) == [third, second]
    assert told(log, before=second.id) == [first]


def test_what_is_kept_of_one_is_bounded() -> None:
    log = Deliveries(None, Now())
    many = notification(*(alert(alertname=str(n)) for n in range(deliveries.MOST_ALERTS + 5)))
    found = log.begin(many, "webhook[0]")
    for _ in range(deliveries.MOST_ATTEMPTS + 5):
        found = log.attempted(found, 1, error="x" * 5_000)

    assert (len(found.alerts), found.alert_count) == (deliveries.MOST_ALERTS, len(many.alerts))
    assert (len(found.attempts), found.attempt_count) == (
        deliveries.MOST_ATTEMPTS,
        deliveries.MOST_ATTEMPTS + 5,
    )
    assert len(found.error) == len(found.attempts[-1].error) == deliveries.MOST_ERROR
