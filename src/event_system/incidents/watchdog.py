"""The dead-man's switch: an alert that always fires must be heard. Pure.

What notices its absence is a timer and no rule, so it works where the evaluation of rules stands
still.
"""

from __future__ import annotations

from typing import Final

from event_system.incidents.intake import WATCHDOG, Signal

ALERT: Final = "Watchdog"
_LABELS: Final = {
    "alertname": "WatchdogMissing",
    "level": "P0",
    "severity": "critical",
    "service": "alerting",
}
_ANNOTATIONS: Final = {
    "summary": "Alerting is dead: its watchdog is not heard any more",
    "summary_zh": "告警链路中断：收不到看门狗告警",
    "description": "The alert that always fires has not come through. Rules are not evaluated, or "
    "alerts do not pass: other alerts would be missing too.",
    "description_zh": "始终触发的看门狗告警没有到达：规则未执行，或告警无法送达，其他告警同样会丢失。",
    "runbook_url": "docs/runbooks/Watchdog.md",
}


class Watchdog:
    """When the watchdog was heard, and whether it is missing. A start counts as hearing it."""

    def __init__(self, within_us: int | None, now_us: int) -> None:
        self.heard_us = now_us
        self._within_us = within_us
        self.is_missing = False

    def next_due_us(self) -> int | None:
        if self._within_us is None or self.is_missing:
            return None
        return self.heard_us + self._within_us

    def heard(self, now_us: int) -> Signal | None:
        """The end of its absence, where it may have been missing."""
        self.heard_us, self.is_missing = now_us, False
        return self._signal(now_us, ends_us=now_us)

    def missed(self, now_us: int) -> Signal | None:
        """The beginning of its absence."""
        self.heard_us = min(self.heard_us, now_us)  # the clock may have been set back
        due_us = self.next_due_us()
        if due_us is None or due_us > now_us:
            return None
        self.is_missing = True
        return self._signal(now_us, ends_us=0)

    def _signal(self, now_us: int, *, ends_us: int) -> Signal:
        return Signal(
            fingerprint=WATCHDOG,
            labels=_LABELS,
            annotations=_ANNOTATIONS,
            starts_us=now_us if not ends_us else self.heard_us,
            ends_us=ends_us,
            updated_us=now_us,
        )
