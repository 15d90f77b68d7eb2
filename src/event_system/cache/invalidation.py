"""Which events make which tags out of date, as the settings say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from event_system.cache.cache import MAX_TAG, Cache
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.kernel.patterns import matches, parse_pattern

LISTENER: Final = "cache.invalidation"
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_FIELDS: Final = ("subject", "source", "type")


def check_template(template: str) -> None:
    """Raise `ValueError` where this is no tag with fields such as `{subject}`, `{data.guild}`."""
    if not 0 < len(template) <= MAX_TAG:
        raise ValueError(f"a tag has 1 to {MAX_TAG} characters")
    for name in _FIELD.findall(template):
        if name not in _FIELDS and not re.fullmatch(r"data(\.[^.]+)+", name):
            raise ValueError(f"{{{name}}} is none of {{subject}}, {{source}}, {{type}}, {{data.…}}")
    if "{" in (rest := _FIELD.sub("", template)) or "}" in rest:
        raise ValueError(f"{template!r} has a brace without its other")


class Rules:
    """Tags by patterns of event types."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = [(parse_pattern(name), tuple(tags)) for name, tags in rules.items()]

    def tags_of(self, event: Event) -> list[str]:
        """The tags that an event concerns, each once; those that it lacks a field for are left out."""
        return list(dict.fromkeys(self._tags(event)))

    def _tags(self, event: Event) -> Iterator[str]:
        for pattern, templates in self._rules:
            if matches(pattern, event.type):
                for template in templates:
                    tag = _filled(template, event)
                    if tag is not None and len(tag) <= MAX_TAG:
                        yield tag


def invalidating(cache: Cache, rules: Mapping[str, Sequence[str]]) -> Listener:
    """A listener that invalidates what the rules say; one that fails is tried again."""
    found = Rules(rules)

    async def invalidate(event: Event) -> None:
        tags = found.tags_of(event)
        if tags:
            await cache.invalidate(*tags)

    return Listener(name=LISTENER, patterns=tuple(rules), handler=invalidate)


def _filled(template: str, event: Event) -> str | None:
    values = {name: _value(name, event) for name in _FIELD.findall(template)}
    if None in values.values():
        return None
    return _FIELD.sub(lambda field: str(values[field[1]]), template)


def _value(name: str, event: Event) -> str | None:
    """A field as text; None where the event has none, or more than one value in it."""
    if name in _FIELDS:
        found: Any = getattr(event, name)
    else:
        found = event.data
        for part in name.split(".")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None
