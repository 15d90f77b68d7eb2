"""`kill -9` at random moments under load: nothing acknowledged is lost, nothing is doubled.

`KILL_ROUNDS` and `KILL_SEED` choose how many rounds, and which.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import apsw
import httpx

from event_system.database.sqlite.batches import file_name
from tests.support.clients import Clients
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
SEED = int(os.environ.get("KILL_SEED", "5"))
LISTENERS = Path(__file__).parent / "listeners" / "recording.py"


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    clients, chosen = Clients(), random.Random(SEED)
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node:
        for round_ in range(ROUNDS):
            if round_:
                node.start()
            threads = clients.load(node.url)
            goal = len(clients.acknowledged) + chosen.randrange(1, 400)
            wait_until(lambda goal=goal: len(clients.acknowledged) > goal)  # type: ignore[misc]
            node.kill()
            for thread in threads:
                thread.join()
        node.start()
        _resend_in_doubt(node, clients)
        with node.client() as client:
            wait_until(lambda: _lag(client) == 0)
        assert node.stop() == 0
    _check_log(tmp_path, clients)
    _check_listeners(tmp_path, clients)


def _resend_in_doubt(node: NodeProcess, clients: Clients) -> None:
    """What was sent but not acknowledged may be there: sending it again tells, harmlessly."""
    with node.client() as client:
        known = random.sample(sorted(clients.acknowledged), 50)
        batch = [
            {"type": "player.login", "source": "drill", "subject": i.rpartition("-")[0], "id": i}
            for i in known
        ]
        answer = client.post("/api/events/batch", json=batch).json()
    assert answer["duplicates"] == 50
    assert {e["id"]: e["offset"] for e in answer["events"]} == {
        i: clients.acknowledged[i] for i in known
    }


def _lag(client: httpx.Client) -> int:
    listeners = client.get("/api/listeners").json()["listeners"]
    return sum(int(listener["lag"]) for listener in listeners)


def _check_log(directory: Path, clients: Clients) -> None:
    log = apsw.Connection(str(directory / "data" / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)
    stored = dict(log.execute("SELECT offset, id FROM events WHERE source = 'drill'"))
    assert max(Counter(stored.values()).values()) == 1
    for id_, offset in clients.acknowledged.items():
        assert stored[offset] == id_
    assert set(stored.values()) <= set(clients.sent)


def _check_listeners(directory: Path, clients: Clients) -> None:
    log = apsw.Connection(str(directory / "data" / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = log.execute("SELECT id, subject FROM events WHERE source = 'drill' ORDER BY offset")
    stored = [(str(id_), str(subject)) for id_, subject in rows]
    lines = (directory / "handled.log").read_text().split()
    handled = list(zip(lines[::2], lines[1::2], strict=True))
    for prefix in ("", "thread-"):
        mine = [(subject, id_) for subject, id_ in handled if subject.startswith(prefix + "s")]
        assert {id_ for _, id_ in mine} == {id_ for id_, _ in stored}
        _check_order(mine, stored)
    path = directory / "data" / "listeners" / file_name("ledger")
    ledger = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(ledger.execute("SELECT id, subject FROM ledger ORDER BY rowid")) == stored


def _check_order(handled: list[tuple[str, str]], stored: list[tuple[str, str]]) -> None:
    """Within a subject no event is handled before an earlier one has been."""
    earlier: dict[str, str] = {}
    last: dict[str, str] = {}
    for id_, subject in stored:
        earlier[id_] = last.get(subject, "")
        last[subject] = id_
    seen = {""}
    for _, id_ in handled:
        assert earlier[id_] in seen
        seen.add(id_)
