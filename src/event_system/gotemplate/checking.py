"""What a template names, so that faults are found before it runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from event_system.gotemplate.nodes import Function, Pipeline, Variable
from event_system.gotemplate.parser import parse
from event_system.kernel.errors import TemplateError

_OWN: Final = frozenset({"and", "or"})
"""What the language does itself."""


def check(source: str, functions: Collection[str], variables: Collection[str]) -> None:
    """Raises `TemplateError` where a text is no template, or names what there is not."""
    nodes, defined = parse(source, "template")
    found = [*_within(nodes), *_within(tuple(defined.values()))]
    known = {"$", *variables}
    for each in found:
        if isinstance(each, Pipeline) and not each.assigns:
            known.update(each.declares)
    for each in found:
        if isinstance(each, Function) and each.name not in functions and each.name not in _OWN:
            raise TemplateError(f'function "{each.name}" not defined')
        if isinstance(each, Variable) and each.name not in known:
            raise TemplateError(f'undefined variable "{each.name}"')


def _within(part: Any) -> Iterator[Any]:
    """A part of a template and all that it is made of."""
    if isinstance(part, tuple):
        for each in part:
            yield from _within(each)
    elif is_dataclass(part):
        yield part
        for member in fields(part):
            yield from _within(getattr(part, member.name))


def functions_in(source: str) -> frozenset[str]:
    """The functions that a template calls. Raises `TemplateError`."""
    nodes, defined = parse(source, "template")
    found = [*_within(nodes), *_within(tuple(defined.values()))]
    return frozenset(each.name for each in found if isinstance(each, Function))
