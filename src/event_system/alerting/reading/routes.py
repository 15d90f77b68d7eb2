"""The routing tree and the inhibition rules of a configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import Final

from event_system.alerting.inhibition import InhibitRule
from event_system.alerting.labels import is_label_name
from event_system.alerting.reading.sections import Section
from event_system.alerting.routes import BY_ALL, Route, RouteOptions, id_of, key_of

MAX_DEPTH: Final = 15


class RouteReader:
    """Reads the tree; what a route does not say it takes from the one above."""

    def __init__(self, receivers: Container[str], intervals: Container[str]) -> None:
        self._receivers = receivers
        self._intervals = intervals

    def root(self, section: Section) -> Route:
        if "receiver" not in section:
            section.fault("receiver", "is needed: the root route has to name a receiver")
        for key in ("match", "match_re", "matchers"):
            if key in section:
                section.fault(key, "may not stand at the root route, which takes every alert")
        for key in ("mute_time_intervals", "active_time_intervals"):
            if key in section:
                section.fault(key, "may not stand at the root route")
        return self._route(section, RouteOptions(""), None, 0)

    def _route(
        self, section: Section, above: RouteOptions, parent: Route | None, place: int
    ) -> Route:
        matchers = section.matchers("matchers", "match", "match_re")
        options = self._options(section, above)
        continues = section.flag("continue", False)
        children = section.sections("routes")
        if len(section.path) > 2 * MAX_DEPTH:
            section.fault("routes", f"routes are nested over {MAX_DEPTH} deep")
            children = []
        found = Route(
            options,
            matchers,
            continues,
            key=key_of(None if parent is None else parent.key, matchers),
            id=id_of(None if parent is None else parent.id, matchers, place),
        )
        routes = tuple(self._route(each, options, found, i) for i, each in enumerate(children))
        section.done()
        return dataclasses.replace(found, routes=routes)

    def _options(self, section: Section, above: RouteOptions) -> RouteOptions:
        receiver = section.text("receiver", above.receiver)
        if receiver and receiver not in self._receivers:
            section.fault("receiver", f"there is no receiver {receiver!r}")
        options = dataclasses.replace(
            above,
            receiver=receiver,
            group_wait_us=section.span_us("group_wait", above.group_wait_us),
            group_interval_us=self._some(section, "group_interval", above.group_interval_us),
            repeat_interval_us=self._some(section, "repeat_interval", above.repeat_interval_us),
            mute_time_intervals=self._names(section, "mute_time_intervals"),
            active_time_intervals=self._names(section, "active_time_intervals"),
        )
        return self._grouped(section, options)

    def _grouped(self, section: Section, options: RouteOptions) -> RouteOptions:
        if "group_by" not in section:
            section.raw("group_by")
            return options
        names = section.texts("group_by")
        if BY_ALL in names and len(names) > 1:
            section.fault("group_by", f"{BY_ALL!r} stands alone")
        for name in names:
            if name != BY_ALL and not is_label_name(name):
                section.fault("group_by", f"{name!r} is no label name")
        if len(set(names)) < len(names):
            section.fault("group_by", "a label is named twice")
        return dataclasses.replace(
            options, group_by=frozenset(names) - {BY_ALL}, group_by_all=BY_ALL in names
        )

    def _some(self, section: Section, key: str, default: int) -> int:
        found = section.span_us(key, default)
        if found == 0:
            section.fault(key, "cannot be zero")
        return found or default

    def _names(self, section: Section, key: str) -> tuple[str, ...]:
        names = section.texts(key)
        for name in names:
            if name not in self._intervals:
                section.fault(key, f"there is no time interval {name!r}")
        return tuple(name for name in names if name in self._intervals)


def inhibit_rule(section: Section) -> InhibitRule:
    rule = InhibitRule(
        section.matchers("source_matchers", "source_match", "source_match_re"),
        section.matchers("target_matchers", "target_match", "target_match_re"),
        tuple(section.texts("equal")),
    )
    section.done()
    return rule
