"""How often links may be asked for: guessing one is hopeless anyway, and it is to cost nothing."""

from __future__ import annotations

import ipaddress
from typing import Final

from event_system.events.limits import Buckets, Rate, take_one
from event_system.kernel.errors import LinkLimitError

EACH: Final = Rate(1.0, 30)
NODE: Final = Rate(10.0, 100)
"""Of those whom another node asks for: it counts them one by one, and whoever claims to be one is bounded."""
ALL: Final = Rate(20.0, 200)
MOST_NAME: Final = 64
_ALL: Final = "*"


class Visits:
    """Counts by address, and all together. Times are seconds that never go back."""

    def __init__(self) -> None:
        self._each = Buckets(EACH)
        self._nodes = Buckets(NODE)
        self._all = Buckets(ALL)

    def count(self, address: str, now: float, by: str = "") -> None:
        """Somebody asks, or `by` asks for somebody. Raises `LinkLimitError`."""
        shares = [(self._each, _network(address[:MOST_NAME])), (self._all, _ALL)]
        if by:
            shares.append((self._nodes, _network(by)))
        if take_one(shares, now) is None:
            wait = max(each.wait(each.after(name, 1, now), 1, now) for each, name in shares)
            raise LinkLimitError("too many links are asked for", wait_seconds=wait)


def _network(address: str) -> str:
    """With IPv6 everybody has a network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
