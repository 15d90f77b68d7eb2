"""What one channel is to be told of a group, and why: the one decision that is made and shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from event_system.alerting.alert import Alert
from event_system.alerting.dedupe import DUE, Entry, Reason, Told, judged, split


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done at a flush. `alerts` are sent; `told` is then in the log.

    A reason that is no reason to tell (`DUE`) changes nothing. Where something is due without
    alerts, only the log changes: what has ended is not wanted.
    """

    reason: Reason
    told: Told
    alerts: Sequence[Alert] = ()

    @property
    def is_sent(self) -> bool:
        return bool(self.alerts)

    @property
    def shown_reason(self) -> Reason:
        """The same for people: why something is sent, or why not."""
        return "ends_not_wanted" if self.reason in DUE and not self.alerts else self.reason


def planned(
    alerts: Iterable[Alert],
    entry: Entry | None,
    *,
    quiet: frozenset[str],
    repeat_us: int,
    send_resolved: bool,
    keep_promise: bool,
    now_us: int,
) -> Plan:
    """Of the alerts of a flush, of which those in `quiet` are silenced or inhibited."""
    owed = entry.owed if entry else frozenset()
    loud = [
        alert
        for alert in alerts
        if (
            alert.fingerprint in owed  # whose beginning was told, and nobody else, and once
            if keep_promise and alert.ends_us
            else alert.fingerprint not in quiet
        )
    ]
    told = split(loud, now_us)
    if not loud:
        return Plan("nothing", told)
    reason = judged(
        entry,
        told,
        repeat_us=repeat_us,
        send_resolved=send_resolved,
        now_us=now_us,
        keep_promise=keep_promise,
    )
    if reason not in DUE:
        return Plan(reason, told)
    return Plan(reason, told, loud if send_resolved else [a for a in loud if not a.ends_us])


def owed_by(entries: Iterable[Entry | None]) -> frozenset[str]:
    """Those whose end was promised by one of these."""
    return frozenset[str]().union(*(entry.owed for entry in entries if entry is not None))
