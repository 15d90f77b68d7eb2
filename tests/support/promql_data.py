"""A small world of series: counters that begin anew, gauges with odd values, histograms."""

from __future__ import annotations

import math
import random

import numpy as np

from event_system.promql.ports import Series
from tests.support.memory_samples import labels_of

START = 1_760_000_000_000
"""Milliseconds; no multiple of a minute."""
MINUTES = 90


def world(seed: int = 7) -> list[Series]:
    """The same series for the same seed; samples are about every 15 s."""
    chance = random.Random(seed)
    return [
        *_counters(chance),
        *_gauges(chance),
        *_histograms(chance),
        *_constants(),
        _series({"__name__": "lonely", "job": "api"}, [START + 1_800_123], [42.0]),
        *_replaced(chance),
    ]


def _times(chance: random.Random, first: int = 0, last: int = MINUTES) -> list[int]:
    times, moment = [], START + first * 60_000 + chance.randrange(15_000)
    while moment < START + last * 60_000:
        times.append(moment)
        moment += 15_000 + chance.randrange(-40, 40) + 61_000 * (chance.random() < 0.02)
    return times


def _series(labels: dict[str, str], times: list[int], values: list[float]) -> Series:
    return Series(labels_of(labels), np.array(times, np.int64), np.array(values, np.float64))


def _counters(chance: random.Random) -> list[Series]:
    found = []
    for job in ("api", "db"):
        for instance in ("a", "b", "c"):
            for code in ("200", "500"):
                times, total, values = _times(chance), 0.0, []
                for _ in times:
                    total = 0.0 if chance.random() < 0.02 else total + chance.randrange(20)
                    values.append(total)
                labels = {"job": job, "instance": instance, "code": code}
                found.append(_series({"__name__": "requests_total", **labels}, times, values))
    return found


def _gauges(chance: random.Random) -> list[Series]:
    found = []
    for number, instance in enumerate("abcd"):
        times = _times(chance)
        values = [chance.gauss(0, 10) * 10.0 ** (number - 1) for _ in times]
        if instance == "d":
            odd = (math.nan, math.inf, -math.inf, 0.0)
            values = [chance.choice(odd) if chance.random() < 0.3 else v for v in values]
        labels = {"job": "api" if number % 2 else "db", "instance": instance}
        found.append(_series({"__name__": "level", **labels}, times, values))
        found.append(_series({"__name__": "twin", **labels}, times, [v + 1 for v in values]))
    return found


def _histograms(chance: random.Random) -> list[Series]:
    found = []
    for job in ("api", "db"):
        times = _times(chance)
        counts = np.cumsum([[chance.randrange(5) for _ in range(5)] for _ in times], axis=0)
        for place, le in enumerate(("0.1", "0.5", "1", "5", "+Inf")):
            labels = {"__name__": "latency_bucket", "job": job, "le": le}
            values = counts[:, : place + 1].sum(axis=1).astype(float).tolist()
            found.append(_series(labels, times, values))
    return found


def _constants() -> list[Series]:
    times = list(range(START, START + MINUTES * 60_000, 30_001))
    versions = {"a": "1.0", "b": "1.1", "c": "1.1"}
    return [
        *(
            _series(
                {"__name__": "build_info", "instance": instance, "version": version},
                times,
                [1.0] * len(times),
            )
            for instance, version in versions.items()
        ),
        _series({"__name__": "limit"}, times, [100.0] * len(times)),
    ]


def _replaced(chance: random.Random) -> list[Series]:
    """One series that is followed by another of the same job."""
    found = []
    for instance, first, last in (("old", 0, 40), ("new", 47, MINUTES)):
        times = _times(chance, first, last)
        labels = {"__name__": "turns", "job": "game", "instance": instance}
        found.append(_series(labels, times, [float(place % 7) for place in range(len(times))]))
    return found
