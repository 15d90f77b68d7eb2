"""From a query's text to its tree. The grammar and the check of types are `promql_parser`'s."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any, Final, Literal

import promql_parser as grammar

from event_system.kernel.clock import to_us
from event_system.kernel.errors import PromqlSyntaxError
from event_system.promql.lexing import prepared
from event_system.promql.ports import LABEL_NAME, NAME, Matcher
from event_system.promql.syntax import (
    Aggregation,
    Anchor,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)

_MILLISECOND: Final = timedelta(milliseconds=1)
_MATCH_OPERATORS: Final[dict[str, Literal["=", "!=", "=~", "!~"]]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_ALIASES: Final = {"holt_winters": "double_exponential_smoothing"}
_CONCENTRATIONS: Final = {"gini": 0, "top_share": 1}
"""Aggregations that are written as functions, and how many parameters come first."""
_AGGREGATIONS: Final = frozenset(
    (
        *("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"),
        *("topk", "bottomk", "quantile", "count_values"),
    )
)


@lru_cache(1024)
def parse(query: str) -> Expression:
    """The tree of a query. Raises `PromqlSyntaxError`."""
    return _tree(_parsed(query))


def pretty(query: str) -> str:
    """The query in its standard form. Raises `PromqlSyntaxError`."""
    return _parsed(query).prettify()


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector such as `up{job="a"}`. Raises `PromqlSyntaxError`."""
    tree = parse(text)
    if not isinstance(tree, Selector) or tree.offset_ms or tree.at is not None:
        raise PromqlSyntaxError(f"parse error: {text[:200]!r} is no series selector")
    return tree.matchers


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `1h30m`. Raises `PromqlSyntaxError`."""
    try:
        return grammar.parse_duration(text) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise PromqlSyntaxError(f"{text[:80]!r} is no duration such as 90s or 1h30m") from error


def _parsed(query: str) -> grammar.Expr:
    _know_more_functions()
    try:
        parsed: grammar.Expr = grammar.parse(prepared(query))
    except (ValueError, OverflowError) as error:
        raise PromqlSyntaxError(f"parse error: {error}") from error
    return parsed


@cache
def _know_more_functions() -> None:
    """Names that the grammar does not have.

    That of Prometheus 2 for a function that it has under another, and the product's own.
    """
    matrix, scalar, vector, text = (
        grammar.ValueType.Matrix,
        grammar.ValueType.Scalar,
        grammar.ValueType.Vector,
        grammar.ValueType.String,
    )
    any_number = -1
    grammar.register_extra_functions(
        [
            grammar.Function("holt_winters", [matrix, scalar, scalar], vector),
            grammar.Function("seasonal_baseline", [matrix, scalar], vector, 2),
            grammar.Function("seasonal_spread", [matrix, scalar], vector, 2),
            grammar.Function("seasonal_score", [matrix, scalar], vector, 2),
            grammar.Function("seasonal_forecast", [matrix, scalar, scalar], vector, 2),
            grammar.Function("gini", [vector, text], vector, any_number),
            grammar.Function("top_share", [scalar, vector, text], vector, any_number),
        ]
    )


def _tree(node: Any) -> Expression:
    return _BUILDERS[type(node)](node)


def _number(node: grammar.NumberLiteral) -> Expression:
    return Number(node.val)


def _text(node: grammar.StringLiteral) -> Expression:
    return Text(node.val)


def _selector(node: grammar.VectorSelector) -> Selector:
    if node.matchers.or_matchers:
        raise PromqlSyntaxError("parse error: `or` between matchers is not supported")
    matchers = [
        Matcher(matcher.name, _MATCH_OPERATORS[str(matcher.op)], matcher.value)
        for matcher in node.matchers.matchers
    ]
    if node.name is not None:
        matchers.insert(0, Matcher(NAME, "=", node.name))
    return Selector(tuple(matchers), _ms(node.offset), _anchor(node.at))


def _range(node: grammar.MatrixSelector) -> Expression:
    return Range(_selector(node.vector_selector), _ms(node.range))


def _subquery(node: grammar.SubqueryExpr) -> Expression:
    step = None if node.step is None else _ms(node.step)
    return Subquery(_tree(node.expr), _ms(node.range), step, _ms(node.offset), _anchor(node.at))


def _negation(node: grammar.UnaryExpr) -> Expression:
    inner = _tree(node.expr)
    return Number(-inner.value) if isinstance(inner, Number) else Negation(inner)


def _parenthesis(node: grammar.ParenExpr) -> Expression:
    return _tree(node.expr)


def _call(node: grammar.Call) -> Expression:
    name = _ALIASES.get(node.func.name, node.func.name)
    arguments = tuple(_tree(argument) for argument in node.args)
    if (parameters := _CONCENTRATIONS.get(name)) is not None:
        return _concentration(name, arguments, parameters)
    return Call(name, arguments)


def _concentration(name: str, arguments: tuple[Expression, ...], parameters: int) -> Aggregation:
    """An aggregation that the grammar takes for a function: labels to group by come last."""
    parameter = arguments[0] if parameters else None
    labels = [each.value for each in arguments if isinstance(each, Text)]
    for label in labels:
        if not LABEL_NAME.fullmatch(label):
            raise PromqlSyntaxError(f"parse error: invalid label name {label[:80]!r} in {name}()")
    return Aggregation(name, arguments[parameters], parameter, frozenset(labels), without=False)


def _aggregation(node: grammar.AggregateExpr) -> Expression:
    operator = str(node.op)
    if operator not in _AGGREGATIONS:
        raise PromqlSyntaxError(f"parse error: the aggregation `{operator}` is not supported")
    modifier = node.modifier
    without = modifier is not None and modifier.type == grammar.AggModifierType.Without
    labels = frozenset(modifier.labels if modifier is not None else ())
    parameter = None if node.param is None else _tree(node.param)
    return Aggregation(operator, _tree(node.expr), parameter, labels, without)


def _binary(node: grammar.BinaryExpr) -> Expression:
    modifier = node.modifier
    left, right = _tree(node.lhs), _tree(node.rhs)
    as_bool = modifier is not None and modifier.return_bool
    return Binary(str(node.op).strip(), left, right, as_bool, _matching(modifier))


_ANY = Matching(on=False, labels=frozenset(), many=None, included=())


def _matching(modifier: grammar.BinModifier | None) -> Matching:
    if modifier is None:
        return _ANY
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise PromqlSyntaxError("parse error: `fill` is not supported")
    matching = modifier.matching
    many: Literal["left", "right"] | None = None
    if modifier.card == grammar.VectorMatchCardinality.ManyToOne:
        many = "left"
    elif modifier.card == grammar.VectorMatchCardinality.OneToMany:
        many = "right"
    return Matching(
        on=matching is not None and matching.type == grammar.LabelModifierType.Include,
        labels=frozenset(matching.labels if matching is not None else ()),
        many=many,
        included=tuple(modifier.group_labels or ()),
    )


_BUILDERS: Final[dict[type, Callable[[Any], Expression]]] = {
    grammar.NumberLiteral: _number,
    grammar.StringLiteral: _text,
    grammar.VectorSelector: _selector,
    grammar.MatrixSelector: _range,
    grammar.SubqueryExpr: _subquery,
    grammar.UnaryExpr: _negation,
    grammar.ParenExpr: _parenthesis,
    grammar.Call: _call,
    grammar.AggregateExpr: _aggregation,
    grammar.BinaryExpr: _binary,
}


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // _MILLISECOND


def _anchor(at: grammar.AtModifier | None) -> Anchor:
    if at is None:
        return None
    if at.type == grammar.AtModifierType.Start:
        return "start"
    if at.type == grammar.AtModifierType.End:
        return "end"
    try:
        moment = at.at
    except (ValueError, OverflowError) as error:
        raise PromqlSyntaxError("parse error: the time after `@` is too far away") from error
    assert moment is not None
    return to_us(moment) // 1000
