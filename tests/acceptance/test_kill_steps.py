"""`kill -9` at every step of handling, requeueing, firing and retention, seeded.

Listeners fail for some events and die where they are told to; see
`listeners/drilled.py`. `KILL_ROUNDS` and `KILL_SEED` choose how many rounds, and which.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import httpx

from event_system.database.sqlite.batches import file_name
from tests.support.clients import Clients
from tests.support.kept import Kept
from tests.support.process import NodeProcess, run_command
from tests.support.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "17"))
SEED = int(os.environ.get("KILL_SEED", "3"))
LISTENERS = Path(__file__).parent / "listeners" / "drilled.py"
CONFIG = "event: {dedupe_window: 0s, retention: {max_age: 100ms}}"
TICKS = {"cron": "* * * * * *", "catch_up": "all", "event": {"type": "player.tick"}}
HANDLING = (
    *("parks-begin", "parks-fail", "parks-end", "blocks-begin", "blocks-fail", "blocks-end"),
    *("buries-begin", "buries-end", "ledger-begin", "ledger-written", "ledger-fail"),
    *("graves-written", "graves-end"),
)


class Drill:
    """One node that is killed in every round, what it was sent, and what it must have done."""

    def __init__(self, node: NodeProcess, chosen: random.Random) -> None:
        self.node = node
        self.clients = Clients()
        self.later: set[str] = set()
        """Delayed events that were acknowledged."""
        self._chosen = chosen
        self._sent = 0
        self._steps = self._shuffled()

    def _shuffled(self) -> Iterator[Callable[[], None]]:
        steps = [partial(self.handling, step) for step in HANDLING]
        whole: list[Callable[[], None]] = [*steps, self.requeueing, self.firing]
        whole += [self.sweeping, self.starting]
        while True:
            self._chosen.shuffle(whole)
            yield from whole

    def round(self) -> None:
        next(self._steps)()

    # Steps

    def handling(self, step: str) -> None:
        """Die in a listener's hands, or up to 40 ms after, while the outcome is recorded."""
        few = step.startswith("graves") or not step.endswith(("begin", "end"))
        number = self._chosen.randrange(1, 10 if few else 150)
        milliseconds = self._chosen.choice([0, self._chosen.uniform(0, 40)])
        (self.node.directory / "kill.plan").write_text(f"{step} {number} {milliseconds}")
        if self.node.comes_to_listen():
            threads = self.clients.load(self.node.url)
            self._send_later()
            self._ended(threads)

    def requeueing(self) -> None:
        self._start()
        threads = self.clients.load(self.node.url)
        with self.node.client() as client:
            wait_until(lambda: _count(client, "dead") > 0)
        self._kill_after(self._chosen.uniform(0, 0.03))
        try:
            with self.node.client() as client:
                requeue(client)
        except httpx.HTTPError:
            pass
        self._ended(threads)

    def firing(self) -> None:
        """Around a full second, when a schedule fires, with delayed events beside it."""
        self._start()
        self._send_later()
        self._kill_after(1 - time.time() % 1 + self._chosen.uniform(-0.01, 0.06))
        self._ended([])

    def sweeping(self) -> None:
        """Right after the start, when retention deletes what the listeners have come past."""
        self._start()
        threads = self.clients.load(self.node.url)
        self.node.signal(signal.SIGHUP)
        self._kill_after(self._chosen.uniform(0, 0.4))
        self._ended(threads)

    def starting(self) -> None:
        """While the claims of the process before are counted."""
        self._plan_nothing()
        timer = threading.Timer(self._chosen.uniform(0.3, 0.9), self._kill_whatever_it_does)
        timer.start()
        if self.node.comes_to_listen():
            self._ended([])

    # What steps have in common

    def _plan_nothing(self) -> None:
        (self.node.directory / "kill.plan").unlink(missing_ok=True)

    def _start(self) -> None:
        self._plan_nothing()
        self.node.start()

    def _kill_after(self, seconds: float) -> None:
        threading.Timer(max(0, seconds), self._kill_whatever_it_does).start()

    def _kill_whatever_it_does(self) -> None:
        assert self.node.process is not None
        self.node.process.send_signal(signal.SIGKILL)

    def _ended(self, threads: list[threading.Thread]) -> None:
        assert self.node.ended() == -signal.SIGKILL
        for thread in threads:
            thread.join()
        assert Kept(self.node.data, None).verify().findings == []

    def _send_later(self) -> None:
        """Delayed events that are due within a few seconds, or were due a moment ago."""
        events = []
        for _ in range(20):
            self._sent += 1
            moment = datetime.now(UTC) + timedelta(seconds=self._chosen.uniform(-0.1, 2))
            event = {"type": "player.later", "source": "drill", "id": f"later-{self._sent}"}
            events.append({**event, "deliver_at": moment.isoformat()})
        try:
            with self.node.client() as client:
                answer = client.post("/api/events/batch", json=events)
        except httpx.HTTPError:
            return
        assert answer.status_code == 200, answer.text
        self.later |= {event["id"] for event in answer.json()["events"]}

    # The end

    def settle(self) -> None:
        """Let the node come to rest: nothing waits, nothing is tried again, nothing is dead."""
        self._start()
        with self.node.client() as client:
            assert client.delete("/api/schedules/ticks").status_code in {200, 204}
            wait_until(lambda: self._is_at_rest(client), PATIENCE_SECONDS + ROUNDS)
        wait_until(self._is_swept)
        assert self.node.stop() == 0

    def _is_swept(self) -> bool:
        """Whether retention has deleted the first event, which it is told to look at."""
        self.node.signal(signal.SIGHUP)
        found = _read(self.node.data / "events.db", "SELECT min(offset) FROM events")
        return bool(found[0][0] > 1)

    def _is_at_rest(self, client: httpx.Client) -> bool:
        if _count(client, "lag") or _count(client, "retrying"):
            return False
        if _count(client, "dead"):
            requeue(client)
            return False
        return not client.get("/api/scheduled").json()["events"]


def requeue(client: httpx.Client) -> None:
    assert client.post("/api/dead-letters/requeue", json={"all": True}).status_code == 200


def _count(client: httpx.Client, what: str) -> int:
    listeners = client.get("/api/listeners").json()["listeners"]
    return sum(int(listener[what]) for listener in listeners)


def test_at_every_step_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, CONFIG, [LISTENERS])
    drill = Drill(node, random.Random(SEED))
    with node:
        with node.client() as client:
            assert client.put("/api/schedules/ticks", json=TICKS).status_code in {200, 201}
        node.kill()
        for _ in range(ROUNDS):
            drill.round()
        drill.settle()

    for listener in ("parks", "blocks", "buries"):
        every_acknowledged_event_is_handled(drill, listener)
    for listener in ("parks", "blocks"):
        events_of_a_subject_are_begun_in_their_order(drill, listener)
    no_event_of_a_subject_overtakes_one_that_blocks(drill)
    for listener in ("ledger", "graves"):
        every_effect_counts_once_in_transactions(drill, listener)
    no_moment_of_a_schedule_is_left_out_or_fired_twice(drill)
    nothing_is_left_under_way(drill)
    the_files_are_whole_and_old_events_gone(drill)


class Trace:
    """What a listener's handler noted, in order: (what, subject, id)."""

    def __init__(self, directory: Path, listener: str) -> None:
        lines = (line.split() for line in (directory / "trace.log").read_text().splitlines())
        self.notes = [
            (what, subject, id_) for name, what, subject, id_ in lines if name == listener
        ]

    def ids(self, wanted: str) -> set[str]:
        return {id_ for what, _, id_ in self.notes if what == wanted}

    def numbers_by_subject(self, wanted: str) -> dict[str, list[int]]:
        """The numbers of each client's events in the order of their first note."""
        found: defaultdict[str, dict[int, None]] = defaultdict(dict)
        for what, subject, id_ in self.notes:
            if what == wanted and subject != "None":
                found[subject].setdefault(int(id_.rpartition("-")[2]))
        return {subject: list(numbers) for subject, numbers in found.items()}


def every_acknowledged_event_is_handled(drill: Drill, listener: str) -> None:
    handled = Trace(drill.node.directory, listener).ids("end")
    assert set(drill.clients.acknowledged) <= handled
    assert drill.later <= handled


def events_of_a_subject_are_begun_in_their_order(drill: Drill, listener: str) -> None:
    begun = Trace(drill.node.directory, listener).numbers_by_subject("begin")
    assert len(begun) == 8
    for numbers in begun.values():
        assert numbers == sorted(numbers)


def no_event_of_a_subject_overtakes_one_that_blocks(drill: Drill) -> None:
    trace = Trace(drill.node.directory, "blocks")
    before: dict[str, str] = {}
    for subject, numbers in trace.numbers_by_subject("begin").items():
        ids = [f"{subject}-{number}" for number in numbers]
        before |= dict(zip(ids[1:], ids, strict=False))
    ended: set[str] = set()
    for what, _, id_ in trace.notes:
        if what == "begin" and id_ in before:
            assert before[id_] in ended, f"{id_} was begun before {before[id_]} had ended"
        elif what == "end":
            ended.add(id_)


def every_effect_counts_once_in_transactions(drill: Drill, listener: str) -> None:
    written = Counter(_ledger(drill.node, listener))
    assert set(drill.clients.acknowledged) <= set(written)
    assert drill.later <= set(written)
    assert max(written.values()) == 1


def no_moment_of_a_schedule_is_left_out_or_fired_twice(drill: Drill) -> None:
    fired = [id_ for id_ in _ledger(drill.node, "ledger") if id_.startswith("schedule:ticks:")]
    moments = sorted(datetime.fromisoformat(id_.partition("ticks:")[2]) for id_ in fired)
    first = moments[0]
    assert moments == [first + timedelta(seconds=n) for n in range(len(moments))]
    assert len(moments) >= ROUNDS / 4


def nothing_is_left_under_way(drill: Drill) -> None:
    data = drill.node.data
    files = {data / "state.db": "retries", data / "events.db": "scheduled"}
    for name in ("ledger", "graves"):
        files[data / "listeners" / file_name(name)] = "event_system_retries"
    for path, table in files.items():
        assert _read(path, f"SELECT count(*) FROM {table}") == [(0,)]


def the_files_are_whole_and_old_events_gone(drill: Drill) -> None:
    checked = run_command("db", "check", "--data-dir", str(drill.node.data))
    assert checked.returncode == 0, checked.stdout
    assert Kept(drill.node.data, None).verify().findings == []
    log = drill.node.data / "events.db"
    ((first, head),) = _read(log, "SELECT min(offset), max(offset) FROM events")
    assert first > 1
    assert head >= len(drill.clients.acknowledged)


def _ledger(node: NodeProcess, listener: str) -> list[str]:
    path = node.data / "listeners" / file_name(listener)
    return [str(id_) for (id_,) in _read(path, "SELECT id FROM ledger")]


def _read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    return connection.execute(sql).fetchall()
