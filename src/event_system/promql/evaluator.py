"""Walks a query's tree: each node becomes numbers for all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from event_system.kernel.errors import PromqlError, TooManySamplesError
from event_system.promql import elementwise, labelling, overtime, rates, regression, seasonal
from event_system.promql.aggregation import aggregate
from event_system.promql.histogram import histogram_quantile
from event_system.promql.operators import (
    between_scalars,
    between_sets,
    between_vectors,
    negated,
    with_scalar,
)
from event_system.promql.ports import Matcher, Samples, SampleSource, is_stale
from event_system.promql.samples import Windows, samples_of, upto, without_stale
from event_system.promql.syntax import (
    SETS,
    Aggregation,
    Anchor,
    Binary,
    Call,
    Expression,
    Negation,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)
from event_system.promql.values import (
    Bools,
    Floats,
    Ints,
    Vector,
    nothing,
    row_of,
    rows,
    unique,
    without_name,
)

Value: TypeAlias = Floats | Vector | str
_OverWindows: TypeAlias = Callable[..., tuple[Floats, Bools]]

_OVER_WINDOWS: Final[dict[str, _OverWindows]] = {
    **{
        function.__name__: function
        for function in (
            *(rates.rate, rates.increase, rates.delta, rates.irate, rates.idelta),
            *(rates.resets, rates.changes),
            *(overtime.count_over_time, overtime.present_over_time, overtime.sum_over_time),
            *(overtime.last_over_time, overtime.first_over_time, overtime.avg_over_time),
            *(overtime.min_over_time, overtime.max_over_time, overtime.mad_over_time),
            *(overtime.stddev_over_time, overtime.stdvar_over_time),
            *(overtime.quantile_over_time, regression.deriv, regression.predict_linear),
            *(regression.double_exponential_smoothing, seasonal.seasonal_baseline),
            *(seasonal.seasonal_spread, seasonal.seasonal_score, seasonal.seasonal_forecast),
        )
    }
}
_KEEP_NAME: Final = frozenset({"last_over_time", "first_over_time"})


@dataclass(frozen=True, slots=True)
class Rules:
    """How samples are looked for.

    A sample counts for `lookback_ms`. `closed`: a window has both of its edges, as in
    Prometheus 2; else not the earlier one, as in Prometheus 3. `subquery_step_ms` is the step
    of subqueries that name none, `max_samples` how many a query may read in all, and `max_values`
    how many values it may hold at any moment: one for each row (or number) and step.
    """

    lookback_ms: int = 300_000
    closed: bool = True
    subquery_step_ms: int = 60_000
    max_samples: int = 20_000_000
    max_values: int = 5_000_000


class Evaluator:
    """One evaluation of one query over a span (its first and last step).

    `check` is called now and then, and may raise to end it.
    """

    def __init__(
        self, source: SampleSource, rules: Rules, span: tuple[int, int], check: Callable[[], None]
    ) -> None:
        self._source = source
        self._rules = rules
        self._span = span
        self.check = check
        self._left = rules.max_samples
        self._held = 0

    def value(self, node: Expression, steps: Ints) -> Value:
        """What an expression is at these moments. Raises `PromqlError`."""
        self.check()
        before = self._held
        value: Value
        match node:
            case Binary():
                value = self._binary(node, steps)
            case Aggregation():
                value = self._aggregation(node, steps)
            case Call():
                value = self._call(node, steps)
            case Selector():
                value = self._instant(node, steps)[0]
            case Negation(inner):
                value = self.value(inner, steps)
                value = negated(value) if isinstance(value, Vector) else -_number(value)
            case _:
                value = _literal(node, steps)
        # What the node was made of is given back with it; the result is held by who asked.
        self._held = before
        self._hold(_size(value))
        return value

    def vector(self, node: Expression, steps: Ints) -> Vector:
        """What an expression of type vector is."""
        value = self.value(node, steps)
        assert isinstance(value, Vector)
        return value

    def scalar(self, node: Expression, steps: Ints) -> Floats:
        """What an expression of type scalar is."""
        return _number(self.value(node, steps))

    def windows(self, node: Expression, steps: Ints) -> Windows:
        """The windows of a range selector or a subquery."""
        assert isinstance(node, Range | Subquery)
        where = node.selector if isinstance(node, Range) else node
        ends = self._moments(where.at, steps) - where.offset_ms
        begins = ends - node.range_ms
        if isinstance(node, Range):
            first, last = int(begins.min()), int(ends.max())
            samples = without_stale(self._read(node.selector.matchers, first, last))
        else:
            samples = self._inner(node, int(begins.min()), int(ends.max()))
        self._hold(len(samples.labels) * len(steps))
        low = upto(samples, begins, inclusive=not self._rules.closed)
        high = np.maximum(upto(samples, ends, inclusive=True), low)
        return Windows(samples, low, high, begins, ends, steps, self.check)

    # Selectors

    def _moments(self, at: Anchor, steps: Ints) -> Ints:
        if at is None:
            return steps
        moment = self._span[at == "end"] if isinstance(at, str) else at
        return np.full(len(steps), moment, np.int64)

    def _read(self, matchers: tuple[Matcher, ...], start: int, end: int) -> Samples:
        try:
            samples = self._source.select(matchers, start, end, self._left)
        except TooManySamplesError as error:
            raise TooManySamplesError(
                f"the query reads more than {self._rules.max_samples} samples (promql.max_samples)"
            ) from error
        self._left -= len(samples.times)
        return samples

    def _hold(self, values: int) -> None:
        self._held += values
        if self._held > self._rules.max_values:
            raise TooManySamplesError(
                f"the query holds more than {self._rules.max_values} values at once, one for each "
                "row and step of what it is made of (promql.max_values)"
            )

    def _instant(self, node: Selector, steps: Ints) -> tuple[Vector, Ints]:
        """The newest sample of each series at each step, and when it was taken."""
        moments = self._moments(node.at, steps) - node.offset_ms
        lookback = self._rules.lookback_ms
        oldest = moments - lookback + (not self._rules.closed)
        first, last = int(oldest.min()), int(moments.max())
        samples = self._read(node.matchers, first, last)
        if not samples.labels:
            return nothing(len(steps)), np.empty((0, len(steps)), np.int64)
        self._hold(len(samples.labels) * len(steps))
        places = upto(samples, moments, inclusive=True) - 1
        found = places >= samples.starts[:-1, None]
        places = np.maximum(places, 0)
        times, values = samples.times[places], samples.values[places]
        present = found & (times >= oldest) & ~is_stale(values)
        vector = Vector(samples.labels, values, present)
        if present.any(axis=1).all():
            return vector, times
        there = np.flatnonzero(present.any(axis=1))
        return rows(vector, there), times[there]

    def _inner(self, node: Subquery, first: int, last: int) -> Samples:
        """The values of a subquery's expression, at multiples of its step."""
        step = node.step_ms or self._rules.subquery_step_ms
        start = -(-first // step) * step
        before = self._held
        self._hold((last - start) // step + 1)
        steps = np.arange(start, last + 1, step, dtype=np.int64)
        if not len(steps):
            return Samples.of([])
        value = self.value(node.expression, steps)
        vector = value if isinstance(value, Vector) else row_of(_number(value))
        self._held = before
        samples = samples_of(vector, steps)
        self._hold(len(samples.times))
        return samples

    # Operators and functions

    def _aggregation(self, node: Aggregation, steps: Ints) -> Vector:
        parameter = None if node.parameter is None else self.value(node.parameter, steps)
        assert not isinstance(parameter, Vector)
        vector = self.vector(node.expression, steps)
        room = self._rules.max_values - self._held
        return aggregate(node, vector, parameter, room, self.check)

    def _binary(self, node: Binary, steps: Ints) -> Value:
        left, right = self.value(node.left, steps), self.value(node.right, steps)
        if isinstance(left, Vector) and isinstance(right, Vector):
            if node.operator in SETS:
                return between_sets(node, left, right)
            return between_vectors(node, left, right, self._rules.max_values - self._held)
        if isinstance(left, Vector):
            return with_scalar(node, left, _number(right), scalar_left=False)
        if isinstance(right, Vector):
            return with_scalar(node, right, _number(left), scalar_left=True)
        return between_scalars(node.operator, _number(left), _number(right))

    def _call(self, node: Call, steps: Ints) -> Value:
        name = node.name
        if name in _OVER_WINDOWS:
            return self._over_windows(node, steps)
        if name in elementwise.FUNCTIONS:
            vector = self.vector(node.arguments[0], steps)
            numbers = [self.scalar(argument, steps) for argument in node.arguments[1:]]
            return _mapped(vector, elementwise.FUNCTIONS[name](vector.values, *numbers))
        if name in elementwise.DATES:
            function = elementwise.DATES[name]
            if not node.arguments:
                return row_of(function(steps / 1000))
            vector = self.vector(node.arguments[0], steps)
            return _mapped(vector, function(vector.values))
        if (special := _SPECIAL.get(name)) is not None:
            return special(self, node, steps)
        raise PromqlError(f"the function {name}() is not supported")

    def _over_windows(self, node: Call, steps: Ints) -> Vector:
        place = next(
            place
            for place, argument in enumerate(node.arguments)
            if isinstance(argument, Range | Subquery)
        )
        matrix = node.arguments[place]
        at = matrix.selector.at if isinstance(matrix, Range) else getattr(matrix, "at", None)
        still = at is not None and len(node.arguments) == 1
        windows = self.windows(matrix, steps[:1] if still else steps)
        others = [argument for argument in node.arguments if argument is not matrix]
        numbers = [self.scalar(argument, steps) for argument in others]
        shape = len(windows.samples.labels), len(steps)
        if not windows.samples.times.size:
            return nothing(len(steps))
        values, present = _OVER_WINDOWS[node.name](windows, *numbers)
        labels = windows.samples.labels
        there = np.flatnonzero(present.any(axis=1))
        if node.name not in _KEEP_NAME:
            labels = without_name(labels)
        vector = Vector(labels, np.broadcast_to(values, shape), np.broadcast_to(present, shape))
        if len(there) < len(labels):
            vector = rows(vector, there)
        return unique(vector, strict=True)

    def timestamp(self, node: Call, steps: Ints) -> Vector:
        """When the samples were taken; of anything but a selector, the step's time."""
        argument = node.arguments[0]
        if isinstance(argument, Selector):
            vector, times = self._instant(argument, steps)
            return _mapped(vector, times / 1000)
        vector = self.vector(argument, steps)
        return _mapped(vector, np.broadcast_to(steps / 1000, vector.values.shape))


def _literal(node: Expression, steps: Ints) -> Value:
    if isinstance(node, Number):
        return np.full(len(steps), node.value)
    if isinstance(node, Text):
        return node.value
    raise PromqlError("a range vector stands where none can be used")


def _size(value: Value) -> int:
    if isinstance(value, str):
        return 0
    return value.values.size if isinstance(value, Vector) else value.size


def _number(value: Value) -> Floats:
    assert isinstance(value, np.ndarray)
    return value


def _mapped(vector: Vector, values: Floats) -> Vector:
    return unique(Vector(without_name(vector.labels), values, vector.present))


def _vector(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    return row_of(evaluator.scalar(node.arguments[0], steps))


def _scalar(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    vector = evaluator.vector(node.arguments[0], steps)
    counts: Ints = vector.present.sum(axis=0)
    return np.where(counts == 1, np.where(vector.present, vector.values, 0.0).sum(axis=0), np.nan)


def _clamp(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    vector = evaluator.vector(node.arguments[0], steps)
    least, most = (evaluator.scalar(argument, steps) for argument in node.arguments[1:])
    clamped = _mapped(vector, elementwise.larger(least, elementwise.smaller(most, vector.values)))
    return replace(clamped, present=clamped.present & ~(most < least))


def _absent(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    argument = node.arguments[0]
    if node.name == "absent":
        present = evaluator.vector(argument, steps).present
    else:
        present = evaluator.windows(argument, steps).filled
    there = np.logical_or.reduce(present, axis=0)
    if there.all():
        return nothing(len(steps))
    labels = labelling.absent_labels(argument)
    return Vector([labels], np.ones((1, len(steps))), ~there[None, :])


def _histogram_quantile(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    q, vector = node.arguments
    values = evaluator.vector(vector, steps)
    return histogram_quantile(evaluator.scalar(q, steps), values, evaluator.check)


def _texts(node: Call) -> list[str]:
    return [argument.value for argument in node.arguments if isinstance(argument, Text)]


def _label_replace(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    return labelling.label_replace(evaluator.vector(node.arguments[0], steps), *_texts(node))


def _label_join(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    return labelling.label_join(evaluator.vector(node.arguments[0], steps), *_texts(node))


def _sort(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    vector = evaluator.vector(node.arguments[0], steps)
    return labelling.by_value(vector, descending=node.name == "sort_desc")


def _sort_by_label(evaluator: Evaluator, node: Call, steps: Ints) -> Value:
    vector = evaluator.vector(node.arguments[0], steps)
    descending = node.name == "sort_by_label_desc"
    return labelling.by_labels(vector, _texts(node), descending=descending)


_SPECIAL: Final[dict[str, Callable[[Evaluator, Call, Ints], Value]]] = {
    "time": lambda _, __, steps: steps / 1000,
    "pi": lambda _, __, steps: np.full(len(steps), np.pi),
    "vector": _vector,
    "scalar": _scalar,
    "clamp": _clamp,
    "absent": _absent,
    "absent_over_time": _absent,
    "timestamp": Evaluator.timestamp,
    "histogram_quantile": _histogram_quantile,
    "label_replace": _label_replace,
    "label_join": _label_join,
    "sort": _sort,
    "sort_desc": _sort,
    "sort_by_label": _sort_by_label,
    "sort_by_label_desc": _sort_by_label,
}
