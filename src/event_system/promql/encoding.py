"""Answers as Prometheus' HTTP API writes them: JSON with numbers as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from event_system.promql.engine import Answer
from event_system.promql.numbers import answered
from event_system.promql.ports import Labels, Series

_text = msgspec.json.Encoder().encode


def encoded(answer: Answer) -> bytes:
    """The `data` member of an answer."""
    if answer.type == "string":
        moment, text = _seconds(int(answer.series[0].times[0])), _text(answer.text).decode()
        return f'{{"resultType":"string","result":[{moment},{text}]}}'.encode()
    rows = list(zip(answer.series, _points(answer.series), strict=True))
    if answer.type == "scalar":
        return f'{{"resultType":"scalar","result":{rows[0][1]}}}'.encode()
    member = '"values":[%s]' if answer.type == "matrix" else '"value":%s'
    texts = [f'{{"metric":{metric(one.labels)},{member % points}}}' for one, points in rows]
    return f'{{"resultType":"{answer.type}","result":[{",".join(texts)}]}}'.encode()


def metric(labels: Labels) -> str:
    """Labels as a JSON object."""
    return _text(dict(labels)).decode()


def _points(series: Iterable[Series]) -> Iterator[str]:
    """The points of each series. Most have the very same times, which are written once."""
    known: NDArray[np.int64] | None = None
    heads: list[str] = []
    for one in series:
        if one.times is not known:
            known, heads = one.times, [f'[{_seconds(ms)},"' for ms in one.times.tolist()]
        values = map(answered, one.values.tolist())
        yield ",".join([f'{head}{value}"]' for head, value in zip(heads, values, strict=True)])


def _seconds(ms: int) -> str:
    seconds, rest = divmod(abs(ms), 1000)
    sign = "-" if ms < 0 else ""
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"
