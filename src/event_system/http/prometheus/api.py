"""The calls of the API, by name, and how their results and errors are written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from event_system.http.prometheus.monitoring import Monitoring
from event_system.http.prometheus.parameters import Parameters, in_query
from event_system.kernel.clock import Clock, rfc3339
from event_system.kernel.errors import PromqlError, PromqlSyntaxError
from event_system.promql.encoding import encoded
from event_system.promql.engine import Question
from event_system.promql.parsing import pretty
from event_system.promql.ports import LABEL_NAME, NAME, Matcher

T = TypeVar("T")
FOLLOWS: Final = "2.42.0"
"""The version of Prometheus whose API and answers these are: clients look at it."""
_TYPES: Final = {400: "bad_data", 422: "execution", 503: "timeout"}
_MOST_NAMED: Final = 10
_json = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """A status and a JSON body."""

    status: int
    body: bytes


class PrometheusApi:
    """Answers calls. `answer` never raises what is the caller's fault."""

    def __init__(self, monitoring: Monitoring, clock: Clock, version: str) -> None:
        self._monitoring = monitoring
        self._engine = monitoring.engine
        self._clock = clock
        self._version = version

    async def answer(self, call: str, *encoded_parameters: bytes) -> Reply:
        """What a call such as `query_range` comes to; `label_values` has its name as `label`."""
        try:
            data = await self._calls[call](self, Parameters(*encoded_parameters))
        except PromqlError as error:
            return refused(error)
        body = data if isinstance(data, bytes) else _json(data)
        return Reply(200, b'{"status":"success","data":%b}' % body)

    async def _query(self, given: Parameters) -> bytes:
        now_ms = self._clock.now_us() // 1000
        moment = given.moment_ms("time", now_ms)
        return await self._ask(given, Question(given.text("query"), moment, moment))

    async def _query_range(self, given: Parameters) -> bytes:
        start, end = given.moment_ms("start"), given.moment_ms("end")
        step = given.duration_ms("step")
        if step is None:
            raise PromqlSyntaxError('invalid parameter "step": cannot parse "" to a valid duration')
        return await self._ask(given, Question(given.text("query"), start, end, step))

    async def _ask(self, given: Parameters, question: Question) -> bytes:
        timeout = given.duration_ms("timeout")
        if timeout is not None:
            question = question._replace(timeout=timeout / 1000)
        try:
            return await self._engine.ask(question, encoded)
        except PromqlError as error:
            raise in_query(error) from error

    async def _format(self, given: Parameters) -> str:
        try:
            return pretty(given.text("query"))
        except PromqlSyntaxError as error:
            raise in_query(error) from error

    async def _series(self, given: Parameters) -> Any:
        matching, (start, end) = given.selectors(needed=True), given.span_ms()
        source = self._engine.source
        found = await self._read(
            lambda: {found for each in matching for found in source.series(each, start, end)}
        )
        return [dict(labels) for labels in sorted(found)[: given.number("limit")]]

    async def _labels(self, given: Parameters) -> list[str]:
        source = self._engine.source
        return await self._names(given, source.label_names)

    async def _label_values(self, given: Parameters) -> list[str]:
        name, source = given.text("label"), self._engine.source
        if not LABEL_NAME.fullmatch(name):
            raise PromqlSyntaxError(f'invalid label name: "{name[:80]}"')
        return await self._names(
            given, lambda each, start, end: source.label_values(name, each, start, end)
        )

    async def _names(
        self, given: Parameters, look: Callable[[Sequence[Matcher], int, int], list[str]]
    ) -> list[str]:
        matching, (start, end) = given.selectors(needed=False), given.span_ms()
        found = await self._read(
            lambda: {found for each in matching for found in look(each, start, end)}
        )
        return sorted(found)[: given.number("limit")]

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._engine.run(work)

    # Facts

    async def _metadata(self, given: Parameters) -> Any:
        found, wanted = self._monitoring.metadata(), given.text("metric")
        chosen = {name: rows for name, rows in found.items() if wanted in {"", name}}
        return dict(sorted(chosen.items())[: given.number("limit")])

    async def _targets(self, given: Parameters) -> Any:
        targets, state = self._monitoring.targets(), given.text("state")
        return {
            "activeTargets": targets.active if state != "dropped" else (),
            "droppedTargets": targets.dropped if state != "active" else (),
        }

    async def _rules(self, given: Parameters) -> Any:
        kind = {"": None, "alert": "alerting", "record": "recording"}
        if (wanted := given.text("type")) not in kind:
            raise PromqlSyntaxError(f'invalid parameter "type": not supported value "{wanted}"')
        groups = self._monitoring.rules()
        return {"groups": [_of_type(group, kind[wanted]) for group in groups]}

    async def _alerts(self, given: Parameters) -> Any:
        return {"alerts": self._monitoring.alerts()}

    async def _exemplars(self, given: Parameters) -> Any:
        return []

    async def _build(self, given: Parameters) -> Any:
        return {
            "version": FOLLOWS,
            "application": "event-system",
            "applicationVersion": self._version,
            **dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), ""),
        }

    async def _config(self, given: Parameters) -> Any:
        return {"yaml": self._monitoring.config()}

    async def _flags(self, given: Parameters) -> Any:
        limits = self._engine.limits
        return {
            "query.lookback-delta": f"{limits.rules.lookback_ms // 1000}s",
            "query.max-concurrency": str(limits.concurrency),
            "query.max-samples": str(limits.rules.max_samples),
            "query.timeout": f"{limits.timeout:g}s",
            **self._monitoring.flags,
        }

    async def _runtime(self, given: Parameters) -> Any:
        return {
            "startTime": rfc3339(self._monitoring.started_us),
            "storageRetention": self._monitoring.retention,
            "reloadConfigSuccess": True,
        }

    async def _tsdb(self, given: Parameters) -> Any:
        source = self._engine.source
        now_ms = self._clock.now_us() // 1000
        found = await self._read(lambda: source.series((), now_ms - 3_600_000, now_ms))
        names: dict[str, int] = {}
        pairs: dict[str, int] = {}
        values: dict[str, set[str]] = {}
        for labels in found:
            for name, value in labels:
                values.setdefault(name, set()).add(value)
                pairs[f"{name}={value}"] = pairs.get(f"{name}={value}", 0) + 1
            metric = dict(labels).get(NAME, "")
            names[metric] = names.get(metric, 0) + 1
        return {
            "headStats": {"numSeries": len(found), **self._monitoring.head()},
            "seriesCountByMetricName": _largest(names),
            "labelValueCountByLabelName": _largest({n: len(v) for n, v in values.items()}),
            "memoryInBytesByLabelName": _largest(
                {name: sum(map(len, those)) for name, those in values.items()}
            ),
            "seriesCountByLabelValuePair": _largest(pairs),
        }

    _calls: Final[Mapping[str, Callable[[Any, Parameters], Awaitable[Any]]]] = {
        "query": _query,
        "query_range": _query_range,
        "query_exemplars": _exemplars,
        "format_query": _format,
        "series": _series,
        "labels": _labels,
        "label_values": _label_values,
        "metadata": _metadata,
        "targets": _targets,
        "rules": _rules,
        "alerts": _alerts,
        "status/buildinfo": _build,
        "status/config": _config,
        "status/flags": _flags,
        "status/runtimeinfo": _runtime,
        "status/tsdb": _tsdb,
    }


def refused(error: PromqlError) -> Reply:
    """An error as the API says it."""
    body = {"status": "error", "errorType": _TYPES[error.status], "error": error.detail}
    return Reply(error.status, _json(body))


def _of_type(group: Mapping[str, Any], kind: str | None) -> Mapping[str, Any]:
    rules = [rule for rule in group["rules"] if kind in {None, rule["type"]}]
    return {**group, "rules": rules}


def _largest(counts: Mapping[str, int]) -> list[dict[str, str | int]]:
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_NAMED]
    return [{"name": name, "value": count} for name, count in first]
