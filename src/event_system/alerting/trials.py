"""How often the test button may be pressed. It is loaded before the channels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from event_system.alerting.configuration import Receiver
from event_system.alerting.sending import Integration
from event_system.events.limits import Buckets, Rate, take_one
from event_system.kernel.errors import ChannelTestLimitError

EACH: Final = Rate(5 / 60, 5)
ALL: Final = Rate(20 / 60, 20)


class Trials:
    """How often channels may be tried out: each by itself, and all together. Loop thread only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._each = Buckets(EACH)
        self._all = Buckets(ALL)
        self._monotonic = monotonic

    def take(self, receiver: Receiver, integrations: Sequence[Integration]) -> None:
        """These are to be tried out now. Raises `ChannelTestLimitError`: none may be then."""
        now = self._monotonic()
        shares: list[tuple[Buckets, str]] = [(self._all, "")]
        shares += [(self._each, f"{receiver.name}/{each.name}") for each in integrations]
        if take_one(shares, now) is None:
            wait = max(each.wait(each.after(name, 1, now), 1, now) for each, name in shares)
            raise ChannelTestLimitError("a test reaches people", wait_seconds=wait)
