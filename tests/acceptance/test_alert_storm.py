"""50,000 alerts at once: all are taken in and told by their groups, and events go on."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import httpx

from tests.acceptance.test_alerting import ALERTING, FAR, node_in
from tests.support.alerting import Requests
from tests.support.waiting import wait_until

ALERTS, GROUPS, AT_ONCE = 50_000, 10, 1_000
MIB = 1024 * 1024


def test_a_storm_is_told_by_groups_in_bounded_memory_while_events_are_answered(
    tmp_path: Path,
) -> None:
    hook = Requests((200, b""))
    config = ALERTING.format(url=hook.url, wait=1)
    try:
        with node_in(tmp_path, config) as node, httpx.Client(base_url=node.url, timeout=120) as to:
            before = node.rss_bytes()
            for start in range(0, ALERTS, AT_ONCE):
                alerts = [
                    {"labels": {"alertname": f"s{n % GROUPS}", "n": str(n)}, "endsAt": FAR}
                    for n in range(start, start + AT_ONCE)
                ]
                assert to.post("/api/v2/alerts", json=alerts).status_code == 200
                event = {"type": "player.seen", "subject": f"p{start}", "data": {}}
                assert to.post("/api/events/trigger", json=event).status_code == 200
            wait_until(lambda: sum(_most(hook).values()) == ALERTS)
            for told in _sizes(hook).values():  # each has all that had come
                assert told == sorted(told)
                assert len(told) < ALERTS / GROUPS / 50
            assert node.rss_bytes() < before + 400 * MIB
    finally:
        hook.close()


def _sizes(hook: Requests) -> dict[str, list[int]]:
    """How many alerts each notification of a group had."""
    found: dict[str, list[int]] = defaultdict(list)
    for body in hook.bodies("/hook"):
        found[body["groupKey"]].append(len(body["alerts"]))
    return found


def _most(hook: Requests) -> dict[str, int]:
    return {group: max(sizes) for group, sizes in _sizes(hook).items()}
