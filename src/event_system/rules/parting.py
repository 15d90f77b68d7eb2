"""Alerts whose rules are no more: their end is told for a while, then they are forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from event_system.rules.alerts import RESOLVED_KEPT_MS, ended
from event_system.rules.keeping import Kept
from event_system.rules.ports import AlertReport
from event_system.rules.telling import Teller


class Parting:
    """Resolved alerts by their keys. Loop thread only."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._kept: dict[str, Kept] = {}
        self._told: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, kept: Mapping[str, Kept], now_ms: int) -> dict[str, Kept | None]:
        """Take over alerts of a rule that is gone; what is to be stored of them."""
        changed: dict[str, Kept | None] = {}
        for key, each in kept.items():
            alert = ended(each.alert, now_ms)
            changed[key] = None if alert is None else Kept.of(alert, each.query)
            if alert is not None:
                self._kept[key] = Kept.of(alert, each.query)
        return changed

    def return_to(self, rule_key: str) -> dict[str, Kept]:
        """Give back the alerts of a rule that is there again."""
        keys = [key for key in self._kept if key.startswith(f"{rule_key}/")]
        for key in keys:
            self._told.pop(key, None)
        return {key: self._kept.pop(key) for key in keys}

    def forget(self, now_ms: int) -> dict[str, Kept | None]:
        """Let go of those that have been over for long."""
        gone = [key for key, kept in self._kept.items() if _age(kept, now_ms) > RESOLVED_KEPT_MS]
        for key in gone:
            del self._kept[key]
            self._told.pop(key, None)
        return dict.fromkeys(gone)

    def due(self, now_ms: int) -> dict[str, AlertReport]:
        """What is to be told now."""
        found = {}
        for key, kept in self._kept.items():
            if self._teller.is_due(kept.alert, self._told.get(key), now_ms):
                found[key] = self._teller.report(kept.alert, kept.query, now_ms)
        return found

    def note(self, keys: Mapping[str, AlertReport], now_ms: int) -> None:
        """These have been told."""
        self._told.update(dict.fromkeys(keys, now_ms))


def _age(kept: Kept, now_ms: int) -> int:
    return now_ms - (kept.resolved_ms or now_ms)
