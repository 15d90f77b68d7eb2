"""A listener that computes for five milliseconds, in a worker process where there is one."""

import time

from event_system import Event, listener

SECONDS = 0.005


@listener("player.*", name="noop", start="beginning", process=True, workers=8)
def noop(event: Event) -> None:
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        pass
