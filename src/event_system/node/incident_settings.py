"""The settings of incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from event_system.incidents.calls import PERSON, RECEIVER, SCHEDULE
from event_system.incidents.correlation import LABELS, SERVICE_LABELS, Rules
from event_system.incidents.escalation import POLICIES, Plan, Policy, Span, Step
from event_system.incidents.intake import MAX_OPEN, Limits
from event_system.incidents.levels import LEVELS, Level
from event_system.incidents.links import LIFETIME_US
from event_system.incidents.manager import Options
from event_system.incidents.ports import WorkingTime
from event_system.incidents.reports.objectives import Objective
from event_system.node.quantities import Duration
from event_system.node.sections import LIVE, Names, Section

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
METHODS: Final = ("phone", "sms", "email", "slack", "wecom", "dingtalk", "webhook")
MAX_STEPS: Final = 20
MAX_NAMES: Final = 100


class StepSettings(Section):
    """One step of a chain."""

    after: Duration | Literal["response"] = Field(
        timedelta(0),
        description="From the beginning; `response` is the time in which the level is to be "
        "answered.",
        union_mode="left_to_right",
    )
    targets: Names = Field(
        ["schedule:primary"],
        description="`schedule:NAME`, `person:NAME` or `receiver:NAME`.",
        min_length=1,
        max_length=MAX_NAMES,
    )
    methods: Names = Field(
        ["email"], description=f"Some of {', '.join(METHODS)}.", min_length=1, max_length=10
    )

    @field_validator("targets")
    @classmethod
    def _targets(cls, targets: list[str]) -> list[str]:
        for target in targets:
            kind = next((k for k in (PERSON, SCHEDULE, RECEIVER) if target.startswith(k)), None)
            if kind is None or target == kind:
                raise ValueError(
                    f"{target[:80]!r} is none of schedule:NAME, person:NAME and receiver:NAME"
                )
        return targets

    @field_validator("methods")
    @classmethod
    def _methods(cls, methods: list[str]) -> list[str]:
        for method in methods:
            if method not in METHODS:
                raise ValueError(f"{method[:80]!r} is none of {', '.join(METHODS)}")
        return methods

    def step(self) -> Step:
        after_us = None if self.after == "response" else _us(self.after)
        return Step(after_us, tuple(self.targets), tuple(self.methods))


class ResponseSettings(Section):
    """Within which time incidents of a level are to be answered."""

    within: Duration = Field(
        description="Where the incident begins in working hours.", ge=MINUTE, le=30 * DAY
    )
    outside: Duration | None = Field(
        description="Where it begins at any other time; with null only working time counts.",
        ge=MINUTE,
        le=30 * DAY,
    )

    def span(self) -> Span:
        return Span(_us(self.within), None if self.outside is None else _us(self.outside))


class CorrelationSettings(Section):
    """Which alerts are one incident."""

    labels: Names = Field(
        list(LABELS),
        description="Alerts that share the value of one of these labels belong together.",
        max_length=MAX_NAMES,
        json_schema_extra=LIVE,
    )
    service_labels: Names = Field(
        list(SERVICE_LABELS),
        description="Labels that name the service of an alert; the first that is there counts.",
        max_length=MAX_NAMES,
        json_schema_extra=LIVE,
    )
    window: Duration = Field(
        5 * MINUTE,
        description="Only alerts that began so close to each other belong together.",
        le=DAY,
        json_schema_extra=LIVE,
    )


class ObjectiveSettings(Section):
    """What a service is to reach: an objective of a service level (SLO)."""

    service: str = Field(
        description="As the incidents of the service name it.", min_length=1, max_length=200
    )
    objective: float = Field(
        description="The share of the time in which it is to be up: 0.999 for three nines.",
        gt=0,
        lt=1,
    )
    window: Duration = Field(30 * DAY, description="Of so long up to now.", ge=HOUR, le=366 * DAY)


class IncidentSettings(Section):
    """What people do about alerts."""

    enabled: bool = Field(True, description="Open incidents for alerts of P0, P1 and P2.")
    chains: dict[Level, list[StepSettings]] = Field(
        {},
        description="Who is paged by level, until somebody answers; levels without a chain have "
        "the one of docs/incidents.md.",
        json_schema_extra=LIVE,
    )
    response_times: dict[Level, ResponseSettings] = Field(
        {},
        description="When incidents are to be answered, by level: `{P1: {within: 15m, outside: 1h}}`; "
        "other levels have the times of docs/incidents.md. A level has no less time than a worse one.",
        json_schema_extra=LIVE,
    )
    correlation: CorrelationSettings = Field(
        CorrelationSettings(), description="Which alerts are one incident."
    )
    topology: dict[str, Names] = Field(
        {},
        description="The services that each service depends on: `{api: [database, redis]}`.",
        max_length=1_000,
        json_schema_extra=LIVE,
    )
    needs_answer: list[Level] = Field(
        [level for level in LEVELS if POLICIES[level].needs_answer],
        description="Levels that do not resolve by themselves before somebody has acknowledged.",
        json_schema_extra=LIVE,
    )
    hold: Duration = Field(
        5 * MINUTE,
        description="An incident resolves when all of its alerts have been over for so long; one "
        "that comes back within the same time is reopened.",
        le=DAY,
        json_schema_extra=LIVE,
    )
    close_after: Duration = Field(
        7 * DAY,
        description="An incident closes so long after its end, with or without a postmortem.",
        ge=MINUTE,
        json_schema_extra=LIVE,
    )
    retention: Duration = Field(
        400 * DAY, description="How long closed incidents are kept.", ge=DAY, json_schema_extra=LIVE
    )
    max_closed: int = Field(
        2_000,
        description="Closed incidents that are kept, about a kilobyte each.",
        ge=1,
        le=100_000,
        json_schema_extra=LIVE,
    )
    slos: list[ObjectiveSettings] = Field(
        [],
        description="What services are to reach, by the time in which incidents of P0 and P1 had "
        "them down: `[{service: api, objective: 0.999, window: 30d}]`.",
        max_length=MAX_NAMES,
        json_schema_extra=LIVE,
    )
    max_open: int = Field(
        MAX_OPEN,
        description="Incidents that may be open; further alerts join the newest one.",
        ge=1,
        le=5_000,
        json_schema_extra=LIVE,
    )
    page_gap: Duration = Field(
        timedelta(seconds=15),
        description="Least time between two messages to one person by one method; what comes "
        "between goes into the next one.",
        le=timedelta(hours=1),
        json_schema_extra=LIVE,
    )
    watchdog: Duration | None = Field(
        None,
        description="A P0 begins where the alert `Watchdog` was not heard for so long; null does "
        "without.",
        ge=MINUTE,
    )
    link_lifetime: Duration = Field(
        timedelta(microseconds=LIFETIME_US),
        description="How long the links of a page can be used.",
        ge=MINUTE,
        le=30 * DAY,
    )
    heartbeat_url: str | None = Field(
        None,
        description="Asked with GET while alerting works, so that an outside service notices "
        "when it stops.",
        max_length=2048,
    )
    heartbeat_interval: Duration = Field(
        MINUTE, description="How often.", ge=timedelta(seconds=10), le=DAY
    )

    @field_validator("chains")
    @classmethod
    def _chains(cls, chains: dict[Level, list[StepSettings]]) -> dict[Level, list[StepSettings]]:
        for level, steps in chains.items():
            if len(steps) > MAX_STEPS:
                raise ValueError(f"{level} has over {MAX_STEPS} steps")
        return chains

    @field_validator("response_times")
    @classmethod
    def _response_times(cls, given: dict[Level, ResponseSettings]) -> dict[Level, ResponseSettings]:
        """What is worse is to be answered first."""
        for worse, level in pairwise(LEVELS):
            if _response(worse, given).open_us > _response(level, given).open_us:
                raise ValueError(f"{worse} would have more time in working hours than {level}")
        return given

    @field_validator("heartbeat_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("is no http or https URL")
        return value

    def options(self, hours: WorkingTime, external_url: str) -> Options:
        """What the manager goes by."""
        correlation = self.correlation
        return Options(
            plan=Plan(hours, {level: self._policy(level) for level in LEVELS}),
            rules=Rules(
                tuple(correlation.labels),
                tuple(correlation.service_labels),
                self.topology,
                _us(correlation.window),
            ),
            limits=Limits(_us(self.hold), self.max_open),
            hold_us=_us(self.hold),
            close_us=_us(self.close_after),
            retention_us=_us(self.retention),
            max_closed=self.max_closed,
            gap_us=_us(self.page_gap),
            watchdog_us=None if self.watchdog is None else _us(self.watchdog),
            objectives=tuple(
                Objective(service=e.service, objective=e.objective, window_us=_us(e.window))
                for e in self.slos
            ),
            external_url=external_url,
            link_lifetime_us=_us(self.link_lifetime),
        )

    def _policy(self, level: Level) -> Policy:
        usual = POLICIES[level]
        given: Sequence[StepSettings] | None = self.chains.get(level)
        chain = usual.chain if given is None else tuple(each.step() for each in given)
        needs_answer = level in self.needs_answer
        response = _response(level, self.response_times)
        return Policy(response, usual.update, usual.repeat, chain, needs_answer)


def _response(level: Level, given: Mapping[Level, ResponseSettings]) -> Span:
    """The response time of a level: the one that is given, or that of S1 §3.1."""
    return given[level].span() if level in given else POLICIES[level].response


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
