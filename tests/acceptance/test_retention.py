"""Retention beside the load, killed at random moments: only what nobody needs is gone."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import apsw

from event_system.database.sqlite.batches import file_name
from tests.support.clients import Clients
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

ROUNDS = 4
LISTENERS = Path(__file__).parent / "listeners" / "recording.py"
CONFIG = "event: {dedupe_window: 0s, retention: {max_age: 100ms}}"


def test_events_go_only_after_every_listener_has_handled_them(tmp_path: Path) -> None:
    clients = Clients()
    with NodeProcess(tmp_path, CONFIG, [LISTENERS]) as node:
        for round_ in range(ROUNDS):
            if round_:
                node.start()  # the first sweep begins with the node
            threads = clients.load(node.url)
            goal = len(clients.acknowledged) + random.randrange(1, 800)
            wait_until(lambda goal=goal: len(clients.acknowledged) > goal)  # type: ignore[misc]
            node.kill()
            for thread in threads:
                thread.join()
        node.start()
        wait_until(lambda: _only_the_newest_is_left(node))
        assert node.stop() == 0
    lines = (tmp_path / "handled.log").read_text().split()
    for prefix in ("s", "thread-s"):
        mine = {i for s, i in zip(lines[::2], lines[1::2], strict=True) if s.startswith(prefix)}
        assert mine >= set(clients.acknowledged)
    ledger = apsw.Connection(str(tmp_path / "data" / "listeners" / file_name("ledger")))
    ids = [id_ for (id_,) in ledger.execute("SELECT id FROM ledger")]
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(clients.acknowledged)


def _only_the_newest_is_left(node: NodeProcess) -> bool:
    node.signal(signal.SIGHUP)  # makes it sweep again
    log = apsw.Connection(str(node.data / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)
    return bool(log.execute("SELECT count(*) = 1 FROM events").get)
