"""A query as a tree of values: what `parsing.py` makes and the evaluator walks.

Spans and moments are milliseconds. Parentheses are gone; types have been checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from event_system.promql.ports import Matcher

Anchor: TypeAlias = int | Literal["start", "end"] | None
"""Where `@` puts a selector: a moment, an end of the query's span, or nowhere."""
ValueType: TypeAlias = Literal["scalar", "vector", "matrix", "string"]

COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
SETS: Final = frozenset({"and", "or", "unless"})
_SCALAR_FUNCTIONS: Final = frozenset({"time", "pi", "scalar"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """The newest sample of each series that fits."""

    matchers: tuple[Matcher, ...]
    offset_ms: int
    at: Anchor


@dataclass(frozen=True, slots=True)
class Range:
    """All samples of a window of each series that fits."""

    selector: Selector
    range_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """A window of an expression's values at each `step_ms` (None: the engine's own)."""

    expression: Expression
    range_ms: int
    step_ms: int | None
    offset_ms: int
    at: Anchor


@dataclass(frozen=True, slots=True)
class Negation:
    """A minus in front."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """`operator` over groups: by these labels, or by all others but `__name__`."""

    operator: str
    expression: Expression
    parameter: Expression | None
    labels: frozenset[str]
    without: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """Which rows of two vectors meet: equal in these labels, or in all others.

    `many` is the side that may have several rows of a kind; `included` are the labels that a
    result takes over from the other.
    """

    on: bool
    labels: frozenset[str]
    many: Literal["left", "right"] | None
    included: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands. `as_bool`: a comparison answers 0 or 1 instead of choosing."""

    operator: str
    left: Expression
    right: Expression
    as_bool: bool
    matching: Matching


Expression: TypeAlias = (
    Number | Text | Selector | Range | Subquery | Negation | Call | Aggregation | Binary
)


def type_of(expression: Expression) -> ValueType:
    """The type of an expression's value."""
    match expression:
        case Negation(inner):
            return type_of(inner)
        case Call(name):
            return "scalar" if name in _SCALAR_FUNCTIONS else "vector"
        case Binary(left=left, right=right):
            scalars = type_of(left) == type_of(right) == "scalar"
            return "scalar" if scalars else "vector"
        case _:
            return _TYPES[type(expression)]


_TYPES: Final[dict[type, ValueType]] = {
    Number: "scalar",
    Text: "string",
    Selector: "vector",
    Range: "matrix",
    Subquery: "matrix",
    Aggregation: "vector",
}
