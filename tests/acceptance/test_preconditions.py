"""Fifty clients change one subject by compare-and-set, through `kill -9`: no update is lost."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

CLIENTS = 50
UPDATES = 4
GOAL = CLIENTS * UPDATES


@dataclass
class Counter:
    """Clients that add one to a counter, each event naming the one that it follows."""

    port: int
    stored: list[int] = field(default_factory=list)
    refused: int = 0

    def run(self) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _client(self, number: int) -> None:
        last = 0
        for update in range(UPDATES):
            attempt = 0
            while True:
                status, answer = self._send(f"{number}-{update}-{attempt}", last)
                if status == 200:
                    self.stored.append(answer["offset"])
                    last = answer["offset"]
                    break
                assert status == 412, answer
                last = answer["last_offset"]
                attempt += 1
                self.refused += 1

    def _send(self, id_: str, last: int) -> tuple[int, dict[str, int]]:
        """Send until an answer comes; the id makes that safe."""
        body = json.dumps({"type": "add", "subject": "n", "id": id_, "data": {"after": last}})
        headers = {"content-type": "application/json", "if-match": f'"{last}"'}
        while True:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
            )
            try:
                connection.request("POST", "/api/events/trigger", body, headers)
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                threading.Event().wait(0.05)
            finally:
                connection.close()


def test_no_update_is_lost_by_rivals_nor_by_kill_9(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        counter = Counter(node.port)
        threads = counter.run()
        for part in (1, 2):
            wait_until(lambda part=part: len(counter.stored) > GOAL * part // 3)  # type: ignore[misc]
            node.kill()
            node.start(node.port)
        for thread in threads:
            thread.join()
        with node.client() as client:
            page = client.get("/api/events?subject=n&order=oldest&limit=1000").json()
            stands = client.get("/api/subjects/n").json()["last_offset"]

    chain = [(event["data"]["after"], event["offset"]) for event in page["events"]]
    assert [after for after, _ in chain] == [0, *(offset for _, offset in chain[:-1])]
    assert [offset for _, offset in chain] == sorted(counter.stored)
    assert len(chain) == GOAL
    assert stands == chain[-1][1]
    assert counter.refused > 0
