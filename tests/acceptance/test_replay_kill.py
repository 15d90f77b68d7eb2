"""`kill -9` in the middle of replays, seeded: each goes on where it stood, and disturbs nothing.

`KILL_ROUNDS` and `KILL_SEED` choose how many rounds, and which.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import httpx

from event_system.database.sqlite.batches import file_name
from tests.support.clients import Clients
from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
SEED = int(os.environ.get("KILL_SEED", "7"))
LISTENERS = Path(__file__).parent / "listeners" / "replayed.py"
NAMES = ("recorder", "parks", "ledger")
PAST = 2000
"""Events that replays may show; all later ones are live."""
RATE = 4000


class Drill:
    """One node that is killed in every round while its listeners are shown the past."""

    def __init__(self, node: NodeProcess, chosen: random.Random) -> None:
        self.node = node
        self.clients = Clients()
        self.acknowledged: set[tuple[str, int]] = set()
        """Listeners and numbers of replays whose start was answered."""
        self._chosen = chosen

    def fill(self) -> None:
        """Store the past, and let every listener handle it."""
        with self.node.client() as client:
            for first in range(0, PAST, 500):
                events = [
                    {"type": "player.login", "source": "drill", "subject": f"s{n % 40}"}
                    | {"id": f"past-{n}"}
                    for n in range(first, first + 500)
                ]
                assert client.post("/api/events/batch", json=events).status_code == 200
            wait_until(lambda: _settled(client))
        assert self.node.stop() == 0

    def round(self) -> None:
        """Replays on their way, live events beside them, and an end at some moment."""
        planned = self._chosen.random() < 0.5
        calls = self._chosen.randrange(2, 3000) if planned else 0
        (self.node.directory / "kill.plan").write_text(str(calls))
        if not self.node.comes_to_listen():
            return  # it died while it caught up
        while_asking = self._chosen.random() < 0.2
        if while_asking:
            self._kill_after(self._chosen.uniform(0.2, 1.2))
        try:
            with self.node.client() as client:
                self._replay(client)
        except httpx.HTTPError:
            pass
        threads = self.clients.load(self.node.url)
        if not while_asking:
            self._kill_after(3.0 if planned else self._chosen.uniform(0, 0.6))
        assert self.node.ended() == -signal.SIGKILL
        for thread in threads:
            thread.join()

    def _kill_after(self, seconds: float) -> None:
        assert self.node.process is not None
        threading.Timer(seconds, self.node.process.send_signal, [signal.SIGKILL]).start()

    def _replay(self, client: httpx.Client) -> None:
        """Start a replay of every listener that has none under way."""
        for name in NAMES:
            first = self._chosen.randrange(1, PAST)
            until = self._chosen.randrange(first, PAST + 1)
            wanted = {"from": first, "until": until, "rate": RATE}
            answer = client.post(f"/api/listeners/{name}/replays", json=wanted)
            assert answer.status_code in (200, 409), answer.text
            if answer.status_code == 200:
                self.acknowledged.add((name, answer.json()["id"]))

    def settle(self) -> dict[str, list[dict[str, Any]]]:
        """Let everything come to its end; the replays by listener, the oldest first."""
        (self.node.directory / "kill.plan").unlink()
        self.node.start()
        with self.node.client() as client:
            wait_until(lambda: _settled(client), PATIENCE_SECONDS + 3 * ROUNDS)
            found = {name: _replays(client, name)[::-1] for name in NAMES}
        assert self.node.stop() == 0
        return found


def _replays(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    answer: dict[str, list[dict[str, Any]]] = client.get(f"/api/listeners/{name}/replays").json()
    return answer["replays"]


def _settled(client: httpx.Client) -> bool:
    listeners = client.get("/api/listeners").json()["listeners"]
    if any(listener["lag"] or listener["retrying"] for listener in listeners):
        return False
    return all(each["ended_at"] for name in NAMES for each in _replays(client, name))


class Outcome:
    """What the listeners did after the past was there, against what was asked."""

    def __init__(self, directory: Path, replays: dict[str, list[dict[str, Any]]]) -> None:
        self.directory = directory
        self.replays = replays
        log = apsw.Connection(str(directory / "data/events.db"), flags=apsw.SQLITE_OPEN_READONLY)
        rows = log.execute("SELECT id, subject FROM events WHERE source = 'drill' ORDER BY offset")
        self.stored = [(str(id_), str(subject)) for id_, subject in rows]

    def shown(self, name: str) -> Counter[str]:
        """How often each event of the past was to be handled: live, and in each replay."""
        expected = Counter(id_ for id_, _ in self.stored)
        for replay in self.replays[name]:
            expected.update(self.part(replay))
        return expected

    def part(self, replay: dict[str, Any]) -> list[str]:
        return [id_ for id_, _ in self.stored[replay["from_offset"] - 1 : replay["until_offset"]]]

    def lines(self, name: str) -> list[str]:
        text = (self.directory / f"{name}.log").read_text().split()
        return text[1::2]

    def ledger(self) -> list[str]:
        path = self.directory / "data" / "listeners" / file_name("ledger")
        tables = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        return [str(id_) for (id_,) in tables.execute("SELECT id FROM ledger ORDER BY rowid")]


def test_replays_go_on_where_kill_9_has_cut_them_off(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node:
        drill = Drill(node, random.Random(SEED))
        drill.fill()
        for _ in range(ROUNDS):
            drill.round()
        outcome = Outcome(tmp_path, drill.settle())

    every_replay_that_was_acknowledged_is_done(drill, outcome)
    every_event_is_handled_live_and_in_each_replay(outcome)
    events_that_fail_in_replays_are_handled_in_the_end(outcome)
    a_batch_listeners_effects_count_once_and_in_order(outcome)
    events_of_a_subject_come_in_order_within_each_replay(outcome)


def every_replay_that_was_acknowledged_is_done(drill: Drill, outcome: Outcome) -> None:
    found = {(name, each["id"]): each for name in NAMES for each in outcome.replays[name]}

    assert drill.acknowledged <= found.keys()
    assert {each["state"] for each in found.values()} == {"done"}
    assert {each["progress"] for each in found.values()} == {1.0}
    assert len(found) >= len(NAMES)


def every_event_is_handled_live_and_in_each_replay(outcome: Outcome) -> None:
    assert outcome.shown("recorder") - Counter(outcome.lines("recorder")) == Counter()


def events_that_fail_in_replays_are_handled_in_the_end(outcome: Outcome) -> None:
    """What one replay parked may be parked still when the next one passes it."""
    least = Counter({id_: min(times, 2) for id_, times in outcome.shown("parks").items()})

    assert least - Counter(outcome.lines("parks")) == Counter()


def a_batch_listeners_effects_count_once_and_in_order(outcome: Outcome) -> None:
    rows = outcome.ledger()
    past = [id_ for id_ in rows if id_.startswith("past-")]

    assert Counter(rows) == outcome.shown("ledger")
    assert [id_ for id_ in rows if not id_.startswith("past-")] == [
        id_ for id_, _ in outcome.stored if not id_.startswith("past-")
    ]
    assert past == [
        *(id_ for id_, _ in outcome.stored[:PAST]),
        *(id_ for replay in outcome.replays["ledger"] for id_ in outcome.part(replay)),
    ]


def events_of_a_subject_come_in_order_within_each_replay(outcome: Outcome) -> None:
    """After a crash events come again; none comes before its forerunner, unless it begins."""
    place = {id_: at for at, (id_, _) in enumerate(outcome.stored)}
    steps = _forerunners([id_ for id_, _ in outcome.stored], outcome)
    begins = {id_ for each in outcome.replays["recorder"] for id_ in _firsts(each, outcome)}
    last: dict[str, str] = {}
    subject_of = dict(outcome.stored)
    for id_ in outcome.lines("recorder"):
        before = last.get(subject_of[id_])
        if before is not None and place[id_] > place[before] and id_ not in begins:
            assert steps[id_] == before
        last[subject_of[id_]] = id_


def _forerunners(ids: list[str], outcome: Outcome) -> dict[str, str | None]:
    """By event: the one before it of its subject."""
    subject_of, last = dict(outcome.stored), dict[str, str]()
    found: dict[str, str | None] = {}
    for id_ in ids:
        found[id_] = last.get(subject_of[id_])
        last[subject_of[id_]] = id_
    return found


def _firsts(replay: dict[str, Any], outcome: Outcome) -> set[str]:
    """The first event of each subject in a replay."""
    forerunners = _forerunners(outcome.part(replay), outcome)
    return {id_ for id_, before in forerunners.items() if before is None}
