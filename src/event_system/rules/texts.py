"""The texts of a rule's alerts: what its templates make of a row and its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from event_system.gotemplate.checking import check, functions_in
from event_system.gotemplate.nodes import Nodes
from event_system.gotemplate.parser import parse
from event_system.gotemplate.running import Run
from event_system.gotemplate.values import METHODS, Record, Texts
from event_system.kernel.errors import EventSystemError, PromqlError, TemplateError
from event_system.promql.engine import Answer
from event_system.promql.ports import NAME, Labels
from event_system.promql.values import with_label
from event_system.rules.functions import FUNCTIONS, row_of
from event_system.rules.model import AlertingRule
from event_system.rules.ports import Ask

_VARIABLES: Final = frozenset({"$labels", "$value", "$externalLabels", "$externalURL"})
_OF_THE_MOMENT: Final = frozenset({"query", "now"})
_OF_THE_PLACE: Final = frozenset({"externalURL", "pathPrefix"})
_MOST: Final = 64 * 1024
"""Characters of one text."""


@dataclass(frozen=True, slots=True)
class Place:
    """What all rules of a node share: the labels that alerts get for others, and its address.

    It stores samples every `rounds_ms`; 0 is unknown.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    rounds_ms: int = 0


NOWHERE: Final = Place()


def check_text(template: str) -> None:
    """Raises `TemplateError` where a label or an annotation is no template."""
    if "{{" in template:
        check(template, FUNCTIONS.keys() | _OF_THE_MOMENT | _OF_THE_PLACE, _VARIABLES)


class RuleTexts:
    """Labels and annotations of a rule's alerts. One thread at a time.

    What the last evaluation made is kept: a row whose value has not changed has the same texts.
    """

    def __init__(self, rule: AlertingRule, place: Place) -> None:
        self._rule = rule
        self._place = place
        self._lasts = not any(_called(text) for _, text in (*rule.labels, *rule.annotations))
        self._before: dict[tuple[Labels, float], tuple[Labels, Labels]] = {}
        self._now: dict[tuple[Labels, float], tuple[Labels, Labels]] = {}

    def at(self, time_ms: int, ask: Ask) -> Callable[[Labels, float], tuple[Labels, Labels]]:
        """The texts of rows at this moment; `ask` answers the queries of templates."""
        self._before, self._now = self._now, {}
        functions = self._functions(time_ms, ask)

        def texts(row: Labels, value: float) -> tuple[Labels, Labels]:
            key = (row, value)
            found = self._before.get(key) if self._lasts else None
            if found is None:
                found = self._texts(row, value, functions)
            self._now[key] = found
            return found

        return texts

    def _functions(self, time_ms: int, ask: Ask) -> Mapping[str, Callable[..., Any]]:
        return {
            **FUNCTIONS,
            "query": lambda query: _rows(ask, str(query), time_ms),
            "now": lambda: time_ms / 1000,
            "externalURL": lambda: self._place.url,
            "pathPrefix": lambda: urlsplit(self._place.url).path,
        }

    def _texts(
        self, row: Labels, value: float, functions: Mapping[str, Callable[..., Any]]
    ) -> tuple[Labels, Labels]:
        variables = {
            "$labels": Texts(row),
            "$value": value,
            "$externalLabels": Texts(self._place.labels),
            "$externalURL": self._place.url,
        }

        def expanded(template: str) -> str:
            return _expanded(template, variables, functions)

        labels = tuple(pair for pair in row if pair[0] != NAME)
        for name, template in self._rule.labels:
            labels = with_label(labels, name, expanded(template))
        labels = with_label(labels, "alertname", self._rule.name)
        return labels, tuple((name, expanded(text)) for name, text in self._rule.annotations)


def _expanded(
    template: str, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> str:
    """The text with its actions carried out; where that fails, the error stands in it."""
    if "{{" not in template:
        return template
    dot = Record(
        Labels=variables["$labels"],
        Value=variables["$value"],
        ExternalLabels=variables["$externalLabels"],
        ExternalURL=variables["$externalURL"],
    )
    try:
        nodes, defined = _parsed(template)
        run = Run(defined, "template", functions, METHODS, as_html=False)
        return run.of(nodes, dot, variables)[:_MOST]
    except TemplateError as error:
        return f"<error expanding template: {error.detail}>"


@lru_cache(4096)
def _parsed(template: str) -> tuple[Nodes, dict[str, Nodes]]:
    return parse(template, "template")


def _called(template: str) -> bool:
    """Whether a text may be another one although row and value are the same."""
    try:
        return bool(functions_in(template) & _OF_THE_MOMENT)
    except TemplateError:
        return False


def _rows(ask: Ask, query: str, time_ms: int) -> list[Record]:
    try:
        answer: Answer = ask(query, time_ms)
    except PromqlError as error:
        raise TemplateError(f"error executing query {query[:200]!r}: {error.detail}") from error
    except EventSystemError as error:
        raise TemplateError(error.detail) from error
    if answer.type not in {"vector", "scalar"}:
        raise TemplateError("query result is not a vector or scalar")
    return [row_of(dict(each.labels), float(each.values[-1])) for each in answer.series]
