"""The alerts that are known: by fingerprint, and by the very labels that they were reported with."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.fingerprints import fingerprints
from event_system.alerting.labels import Labels

SORTED_AT_ONCE: Final = 5_000
PAGE: Final = 200


class KnownAlerts:
    """Alerts by their fingerprints, the newest state of each.

    Whoever reports an alert again with the same mapping of labels as before, and has not changed
    it, is spared that it is hashed anew.
    """

    def __init__(self) -> None:
        self.by_fingerprint: dict[str, Alert] = {}
        # by `id` of labels that are held here: no others have it
        self._fingerprints: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.by_fingerprint)

    def __iter__(self) -> Iterator[Alert]:
        return iter(self.by_fingerprint.values())

    def get(self, fingerprint: str) -> Alert | None:
        """One by its fingerprint."""
        return self.by_fingerprint.get(fingerprint)

    def fingerprints(self, sets: Sequence[Labels]) -> list[str]:
        """Those of label sets; of the very objects that are held they are known."""
        known = [self._fingerprints.get(id(labels), "") for labels in sets]
        new = iter(fingerprints(sets[place] for place, name in enumerate(known) if not name))
        return [name or next(new) for name in known]

    def put(self, alert: Alert) -> None:
        """The newest state of an alert."""
        known = self.by_fingerprint.get(alert.fingerprint)
        if known is None or known.labels is not alert.labels:
            if known is not None:
                self._fingerprints.pop(id(known.labels), None)
            self._fingerprints[id(alert.labels)] = alert.fingerprint
        self.by_fingerprint[alert.fingerprint] = alert

    def drop(self, alert: Alert) -> None:
        """Forget one that is known."""
        known = self.by_fingerprint.pop(alert.fingerprint)
        self._fingerprints.pop(id(known.labels), None)

    async def pages(self, now_us: int) -> AsyncIterator[list[Alert]]:
        """Those that fire, by fingerprint, with turns for others between the pages."""
        shelves: dict[str, list[Alert]] = defaultdict(list)
        for place, (fingerprint, alert) in enumerate(list(self.by_fingerprint.items()), 1):
            if place % SORTED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not alert.resolved_at(now_us):
                shelves[fingerprint[:2]].append(alert)
        page: list[Alert] = []
        for shelf in sorted(shelves):
            page += sorted(shelves[shelf], key=lambda alert: alert.fingerprint)
            while len(page) >= PAGE:
                yield page[:PAGE]
                page = page[PAGE:]
                await asyncio.sleep(0)
        yield page
