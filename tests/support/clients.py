"""Clients of a node that is killed under them."""

from __future__ import annotations

import random
import threading
from collections import Counter

import httpx

from tests.support.process import CERTIFICATES
from tests.support.waiting import PATIENCE_SECONDS

SUBJECTS = 8
CLIENTS = 4


class Clients:
    """Send numbered events for subjects of their own until the node is gone.

    Patient ones send a batch again that the node could not take now (503), until `enough` is set.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.enough = threading.Event()
        self._refused = Counter[int]()
        self._patient = patient
        self.acknowledged: dict[str, int] = {}
        self.sent: list[str] = []
        self._numbers = Counter[str]()
        self._lock = threading.Lock()

    @property
    def refused(self) -> int:
        """How many requests were."""
        return sum(self._refused.copy().values())

    @property
    def are_all_refused(self) -> bool:
        """Whether each client was refused once: none has an answer that it has not noted yet."""
        return len(self._refused) == CLIENTS

    def load(self, url: str) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._run, args=(url, n)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, url: str, number: int) -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, verify=CERTIFICATES) as client:
            while not self.enough.is_set():
                batch = [self._event(number) for _ in range(1 if number % 2 else 20)]
                try:
                    answer = self._send(client, batch, number)
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200, answer.text
                with self._lock:
                    for found in answer.json()["events"]:
                        self.acknowledged[found["id"]] = found["offset"]

    def _send(
        self, client: httpx.Client, batch: list[dict[str, object]], number: int
    ) -> httpx.Response:
        while True:
            answer = client.post("/api/events/batch", json=batch)
            if not self._patient or answer.status_code != 503:
                return answer
            assert "Retry-After" in answer.headers
            self._refused[number] += 1
            self.enough.wait(0.05)

    def _event(self, number: int) -> dict[str, object]:
        subject = f"s{number}-{random.randrange(SUBJECTS // CLIENTS)}"
        self._numbers[subject] += 1
        id_ = f"{subject}-{self._numbers[subject]}"
        self.sent.append(id_)
        return {"type": "player.login", "source": "drill", "subject": subject, "id": id_}
