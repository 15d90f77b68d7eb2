"""The way in: queries with limits, evaluated in threads so that no event loop waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import numpy as np

from event_system.kernel.errors import (
    PromqlSyntaxError,
    PromqlTimeoutError,
    TooManyStepsError,
    UnavailableError,
)
from event_system.promql.evaluator import Evaluator, Rules
from event_system.promql.parsing import parse
from event_system.promql.ports import Samples, SampleSource, Series
from event_system.promql.samples import samples_of
from event_system.promql.syntax import Expression, Range, Subquery, ValueType, type_of
from event_system.promql.values import Ints, Vector, row_of, rows

T = TypeVar("T")
_NAMES: Final = {"matrix": "range vector", "string": "string"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may cost: steps, seconds (the wait for its turn included), others beside it."""

    max_steps: int = 11_000
    timeout: float = 120.0
    concurrency: int = 4
    rules: Rules = field(default_factory=Rules)


class Question(NamedTuple):
    """A query at each step of a span, in milliseconds; without a step, at `end_ms` alone.

    `timeout` can only shorten that of the limits.
    """

    query: str
    start_ms: int
    end_ms: int
    step_ms: int | None = None
    timeout: float | None = None


class Answer(NamedTuple):
    """The result: series of one sample each for a vector, of any number for a matrix.

    A scalar is one series without labels; a string is `text`.
    """

    type: ValueType
    samples: Samples
    text: str = ""

    @property
    def series(self) -> list[Series]:
        """The samples series by series."""
        return list(self.samples)


def at(query: str, moment_ms: int) -> Question:
    """A query at one moment."""
    return Question(query, moment_ms, moment_ms)


class Engine:
    """Answers queries over one source. `close` it in the end."""

    def __init__(
        self, source: SampleSource, limits: Limits, monotonic: Callable[[], float]
    ) -> None:
        self.source = source
        self.limits = limits
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="promql")
        self._closed = False

    def close(self) -> None:
        """Take no more questions; those that run end soon, without an answer."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: Question, finish: Callable[[Answer], T]) -> T:
        """The answer, made into something by `finish` in the same thread.

        Raises `PromqlError`; `PromqlTimeoutError` when the time is over, whatever the thread does.
        """
        seconds = self.limits.timeout
        if question.timeout is not None:
            seconds = min(seconds, question.timeout)
        until = self._monotonic() + seconds
        work = self._threads.submit(lambda: finish(self.answer(question, until)))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), seconds)
        except TimeoutError as error:
            raise _too_long(seconds) from error

    async def run(self, work: Callable[[], T]) -> T:
        """Something else that reads the source, in one of the same threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def answer(self, question: Question, until: float = float("inf")) -> Answer:
        """The answer, in this thread. Raises `PromqlError`."""

        def check() -> None:
            if self._closed:
                raise UnavailableError("the node stops")
            if self._monotonic() > until:
                raise _too_long(self.limits.timeout)

        return evaluate(self.source, self.limits, question, check)


def evaluate(
    source: SampleSource, limits: Limits, question: Question, check: Callable[[], None]
) -> Answer:
    """The answer to a question over a source. Raises `PromqlError`, and what `check` raises."""
    tree = parse(question.query)
    steps = _steps(question, limits)
    evaluator = Evaluator(source, limits.rules, (int(steps[0]), int(steps[-1])), check)
    with np.errstate(all="ignore"):
        if question.step_ms is None:
            return _instant(evaluator, tree, steps)
        return _range(evaluator, tree, steps)


def _steps(question: Question, limits: Limits) -> Ints:
    if question.step_ms is None:
        return np.array([question.end_ms], np.int64)
    if question.step_ms <= 0:
        raise PromqlSyntaxError(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if question.end_ms < question.start_ms:
        raise PromqlSyntaxError("end timestamp must not be before start time")
    if (question.end_ms - question.start_ms) // question.step_ms > limits.max_steps:
        raise TooManyStepsError(
            f"exceeded maximum resolution of {limits.max_steps:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return np.arange(question.start_ms, question.end_ms + 1, question.step_ms, dtype=np.int64)


def _too_long(seconds: float) -> PromqlTimeoutError:
    return PromqlTimeoutError(f"query timed out: it has taken {seconds:g} s (promql.timeout)")


def _instant(evaluator: Evaluator, tree: Expression, steps: Ints) -> Answer:
    if isinstance(tree, Range | Subquery):
        return Answer("matrix", _window_of_each(evaluator, tree, steps))
    value = evaluator.value(tree, steps)
    if isinstance(value, str):
        return Answer("string", samples_of(row_of(np.zeros(1)), steps), value)
    if not isinstance(value, Vector):
        return Answer("scalar", samples_of(row_of(value), steps))
    return Answer("vector", samples_of(value, steps))


def _range(evaluator: Evaluator, tree: Expression, steps: Ints) -> Answer:
    if (kind := type_of(tree)) in _NAMES:
        raise PromqlSyntaxError(
            f'invalid expression type "{_NAMES[kind]}" for range query, '
            "must be Scalar or instant Vector"
        )
    value = evaluator.value(tree, steps)
    assert not isinstance(value, str)
    if not isinstance(value, Vector):
        value = row_of(value)
    if value.labels != sorted(value.labels):
        value = rows(value, sorted(range(len(value.labels)), key=value.labels.__getitem__))
    return Answer("matrix", samples_of(value, steps))


def _window_of_each(evaluator: Evaluator, tree: Expression, steps: Ints) -> Samples:
    windows = evaluator.windows(tree, steps)
    spans = zip(windows.samples.labels, windows.low[:, 0], windows.high[:, 0], strict=True)
    found = [
        Series(labels, windows.samples.times[low:high], windows.samples.values[low:high])
        for labels, low, high in spans
        if high > low
    ]
    return Samples.of(sorted(found, key=lambda series: series.labels))
