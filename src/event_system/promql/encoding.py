"""Answers as Prometheus' HTTP API writes them: JSON with numbers as text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from event_system.promql.engine import Answer
from event_system.promql.numbers import all_answered
from event_system.promql.ports import Labels, Samples
from event_system.promql.samples import in_parts

_AT_ONCE: Final = 20_000
"""Points that are made into text at a time."""
_text = msgspec.json.Encoder().encode


def encoded(answer: Answer) -> bytes:
    """The `data` member of an answer."""
    if answer.type == "string":
        moment, text = _seconds(int(answer.samples.times[0])), _text(answer.text).decode()
        return f'{{"resultType":"string","result":[{moment},{text}]}}'.encode()
    rows = zip(answer.samples.labels, _points(answer.samples), strict=True)
    if answer.type == "scalar":
        return f'{{"resultType":"scalar","result":{next(rows)[1]}}}'.encode()
    member = '"values":[%s]' if answer.type == "matrix" else '"value":%s'
    texts = [f'{{"metric":{metric(labels)},{member % points}}}' for labels, points in rows]
    return f'{{"resultType":"{answer.type}","result":[{",".join(texts)}]}}'.encode()


def metric(labels: Labels) -> str:
    """Labels as a JSON object."""
    return _text(dict(labels)).decode()


class _Heads(dict[int, str]):
    """How points begin, by time: most times come in several series."""

    def __missing__(self, ms: int) -> str:
        head = self[ms] = f'[{_seconds(ms)},"'
        return head


def _points(samples: Samples) -> Iterator[str]:
    """The points of each series."""
    for part in in_parts(np.diff(samples.starts), _AT_ONCE):
        bounds = samples.starts[part.start : part.stop + 1]
        some = slice(int(bounds[0]), int(bounds[-1]))
        times = map(_Heads().__getitem__, samples.times[some].tolist())
        values = all_answered(samples.values[some])
        points = [f'{head}{value}"]' for head, value in zip(times, values, strict=True)]
        for begin, end in pairwise((bounds - bounds[0]).tolist()):
            yield ",".join(points[begin:end])


def _seconds(ms: int) -> str:
    seconds, rest = divmod(abs(ms), 1000)
    sign = "-" if ms < 0 else ""
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"
