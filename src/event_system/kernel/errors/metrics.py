"""Of metrics, time series, queries over them and rules."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError, UnavailableError


class MetricError(EventSystemError):
    """A metric is registered or used in a way that cannot work."""

    code = "metric.invalid"
    title = "Invalid metric"
    remedy = "Mend the name, the labels or the kind that the detail names."


class ScrapeError(EventSystemError):
    """A target does not answer with metrics that can be stored."""

    code = "metrics.scrape"
    title = "The target cannot be scraped"
    remedy = "Look at the target with `curl`; its `scrape_configs` entry says how it is asked."


class ExpositionError(ScrapeError):
    """A text is not in Prometheus' or OpenMetrics' format."""

    code = "metrics.text"
    title = "The metrics cannot be read"
    status = 400
    remedy = "Mend the line that the detail names; `promtool check metrics` looks at such texts."


class TargetFileError(EventSystemError):
    """A file of `file_sd_configs` is not in Prometheus' form, or too large."""

    code = "metrics.target_file"
    title = "The targets of the file cannot be read"
    remedy = "Mend what the detail names; until then the file's last good targets are scraped."


class RemoteWriteError(EventSystemError):
    """A request of remote write is not in the form of its version 1.0, or too large."""

    code = "metrics.remote_write"
    title = "The samples cannot be taken"
    status = 400
    remedy = "Send remote write 1.0: Snappy, `prometheus.WriteRequest`; smaller requests."


class RemoteWriteBusyError(UnavailableError):
    """As many requests of remote write wait to be read as may; nothing of this one was stored."""

    code = "metrics.remote_write_busy"
    title = "Too many requests of remote write at once"
    remedy = "Send it again after the seconds in Retry-After; let fewer writers send at once."


class PromqlError(EventSystemError):
    """A query cannot be answered: of its own fault, or of the data that it meets."""

    code = "promql.execution"
    title = "The query cannot be evaluated"
    status = 422
    remedy = "Mend the query as the detail says; docs/promql.md shows what there is."


class PromqlSyntaxError(PromqlError):
    """The query, or a parameter of its request, cannot be read."""

    code = "promql.syntax"
    title = "The query cannot be read"
    status = 400
    remedy = "Mend what the detail names; docs/promql.md shows what there is."


class TooManySamplesError(PromqlError):
    """The query would read or hold more than `promql.max_samples` or `promql.max_values`."""

    code = "promql.samples"
    title = "The query touches too many samples"
    remedy = "Narrow the selectors, the span or the step, or raise the limit that is named."


class TooManyStepsError(PromqlSyntaxError):
    """A range query has more steps than `promql.max_steps`."""

    code = "promql.steps"
    title = "The query has too many steps"
    remedy = "Ask for a longer step or a shorter span."


class PromqlTimeoutError(PromqlError):
    """The query has not ended within `promql.timeout`, the wait for its turn included."""

    code = "promql.timeout"
    title = "The query takes too long"
    status = 503
    remedy = "Narrow the query, ask for fewer at once, or raise `promql.timeout`."


class MonitoringOffError(UnavailableError):
    """The node keeps no time series, so it answers no queries over them."""

    code = "promql.off"
    title = "This node keeps no time series"
    remedy = (
        "Ask a node with the role `ops`, and look at `metrics.enabled` and `metrics.store.enabled` "
        "there."
    )


class RuleFileError(EventSystemError):
    """A file of rules, or of tests of rules, cannot be used as it stands."""

    code = "rules.file"
    title = "The rules cannot be used"
    status = 400
    remedy = "Mend what the detail names; `event-system rules check FILE` looks at the whole file."


class RuleFailedError(EventSystemError):
    """A rule's result cannot be stored."""

    code = "rules.failed"
    title = "The rule has failed"
    status = 422
    remedy = "Mend its expression or its labels, or raise the group's limit."
