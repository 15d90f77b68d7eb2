"""Every setting of a node: its meaning, default, bounds, and whether it can change live."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from event_system.events.limits import SLOWEST
from event_system.kernel.errors import ConfigurationError, ExposedServerError, InvalidPatternError
from event_system.kernel.patterns import parse_pattern
from event_system.node.alerting_settings import AlertingSettings
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.cache_settings import CacheSettings
from event_system.node.database_settings import DatabaseSettings
from event_system.node.incident_settings import IncidentSettings
from event_system.node.listener_settings import ListenersSettings, RetrySettings
from event_system.node.metrics_settings import MetricsSettings
from event_system.node.node_settings import ROLES, NodeSettings
from event_system.node.on_call_settings import OnCallSettings
from event_system.node.promql_settings import PromqlSettings
from event_system.node.quantities import Duration, Size
from event_system.node.redis_settings import RedisSettings
from event_system.node.rules_settings import RulesSettings
from event_system.node.rum_settings import BrowserSettings
from event_system.node.sections import LIVE, Names, Section

LOOPBACK_NAMES = ("localhost", "")


class ServerSettings(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on.", min_length=1)
    port: int = Field(8080, description="Port to listen on; 0 takes a free one.", ge=0, le=65535)
    allow_anonymous: bool = Field(
        False, description="Listen beyond this machine even without an API key."
    )
    probe_route: bool = Field(
        True,
        description="Answer `GET /api/events/trigger` (triggers `system.probe`).",
        json_schema_extra=LIVE,
    )
    max_body_size: Size = Field(
        16 * 1024 * 1024, description="Largest request body.", ge=1024, le=1024**3
    )
    max_connections: int = Field(
        16_384,
        description="Clients that may be connected; more get 503. File handles may allow fewer.",
        ge=1,
        le=1_000_000,
    )
    max_in_flight: int = Field(
        4096,
        description="Requests to store events that may be under way; more get 503.",
        ge=1,
        le=1_000_000,
        json_schema_extra=LIVE,
    )
    max_in_flight_bytes: Size = Field(
        256 * 1024 * 1024,
        description="What unfinished requests and bodies over 64 KiB may hold together; more get "
        "503.",
        ge=1024 * 1024,
        json_schema_extra=LIVE,
    )
    header_timeout: Duration = Field(
        timedelta(seconds=10), description="Time for a request's headers to arrive."
    )
    body_timeout: Duration = Field(
        timedelta(seconds=30), description="Time for a request's body to arrive."
    )
    keep_alive: Duration = Field(
        timedelta(seconds=30), description="How long an idle connection is kept."
    )
    shutdown_grace: Duration = Field(
        timedelta(seconds=10),
        description="What running requests and listeners get to finish at the end.",
        json_schema_extra=LIVE,
    )


class RetentionSection(Section):
    """How much of the past is kept. What a listener or a failed delivery needs always is."""

    max_age: Duration | None = Field(
        None,
        description="Events older than this are deleted; null keeps them.",
        json_schema_extra=LIVE,
    )
    max_size: Size | None = Field(
        None,
        description="The oldest events are deleted while the log is larger; null sets no limit.",
        ge=1024 * 1024,
        json_schema_extra=LIVE,
    )


class EventSettings(Section):
    """The event core."""

    async_workers: int = Field(
        4,
        description="Lanes of one listener that are handled at the same time.",
        ge=1,
        le=1024,
        json_schema_extra=LIVE,
    )
    worker_processes: int = Field(
        0,
        description="Processes for the handlers of listeners that have `process`; 0 has them in "
        "this one.",
        ge=0,
        le=256,
    )
    async_channel_size: int = Field(
        1000,
        description="Events read ahead for one listener's lane; a full channel stops reading.",
        ge=1,
        le=1_000_000,
        json_schema_extra=LIVE,
    )
    max_event_size: Size = Field(
        1_048_576,
        description="Largest data of one event.",
        ge=1,
        le=64 * 1024 * 1024,
        json_schema_extra=LIVE,
    )
    max_batch_events: int = Field(
        10_000, description="Most events of one batch.", ge=1, le=100_000, json_schema_extra=LIVE
    )
    max_backlog: int = Field(
        1_000_000,
        description=(
            "Events that a running listener may fall behind before new ones get 503, counted "
            "from the lowest lag since the start."
        ),
        ge=1,
        json_schema_extra=LIVE,
    )
    dedupe_window: Duration = Field(
        timedelta(hours=24),
        description="How long the same (source, id) counts as the same event.",
        json_schema_extra=LIVE,
    )
    retention: RetentionSection = Field(
        RetentionSection(), description="How much of the past is kept."
    )
    unknown_types: Literal["accept", "refuse"] = Field(
        "accept",
        description="What happens to events whose type is not in the catalogue.",
        json_schema_extra=LIVE,
    )
    lanes: int = Field(
        16,
        description="Ordered sub-streams; counts at the first start of a data directory only.",
        ge=1,
        le=1024,
    )
    retry: RetrySettings = Field(
        RetrySettings(), description="Retries of listeners that declare none."
    )


class TypesSettings(Section):
    """Event types that are declared in files."""

    files: Names = Field(
        [],
        description="YAML or JSON files, or folders of them; the API cannot change what is there.",
        json_schema_extra=LIVE,
    )


class RateSettings(Section):
    """How many events; without a rate as many as come."""

    rate: float | None = Field(
        None,
        description="Events a second, on average; null is no limit.",
        ge=SLOWEST,
        le=1e9,
        json_schema_extra=LIVE,
    )
    burst: int | None = Field(
        None,
        description="Events at once; null is one second's worth.",
        ge=1,
        le=10**9,
        json_schema_extra=LIVE,
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError("a burst needs a rate")
        return self


class LimitSettings(RateSettings):
    """The limit of every key, source or type, and others for some of them."""

    overrides: dict[str, RateSettings] = Field(
        {},
        description="Limits by name or pattern; the first that matches counts.",
        json_schema_extra=LIVE,
    )


class TypeLimitSettings(LimitSettings):
    """As `LimitSettings`; the patterns are those of event types."""

    @field_validator("overrides")
    @classmethod
    def _patterns(cls, overrides: dict[str, RateSettings]) -> dict[str, RateSettings]:
        for pattern in overrides:
            try:
                parse_pattern(pattern)
            except InvalidPatternError as error:
                raise ValueError(error.detail) from error
        return overrides


class LimitsSettings(Section):
    """Token buckets for events that come over HTTP; over them 429."""

    shared: bool = Field(
        False,
        description="Count on the server of `redis.url`, for all nodes together; while it does not "
        "answer, each node counts by itself.",
    )
    per_key: LimitSettings = Field(LimitSettings(), description="By API key.")
    per_source: LimitSettings = Field(LimitSettings(), description="By the events' source.")
    per_type: TypeLimitSettings = Field(TypeLimitSettings(), description="By event type.")


class LoggingSettings(Section):
    """The node's own log."""

    level: Literal["debug", "info", "warn", "error"] = Field(
        "info", description="Least severe level that is written.", json_schema_extra=LIVE
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="`json` for machines, `text` for people; `auto` is `text` on a terminal.",
        json_schema_extra=LIVE,
    )
    file: str | None = Field(None, description="File to write to; null is standard error.")

    @field_validator("level", mode="before")
    @classmethod
    def _known_names(cls, value: Any) -> Any:
        lower = value.lower() if isinstance(value, str) else value
        return {"warning": "warn"}.get(lower, lower)


class ApiKey(Section):
    """One API key, as a hash."""

    name: str = Field(description="Who uses it; the default `source` of events.", min_length=1)
    hash: str = Field(
        description="`sha256:` and 64 hex digits, from `event-system keys create`.",
        pattern=r"^sha256:[0-9a-f]{64}$",
    )


class SecuritySettings(Section):
    """Who may use the API."""

    api_keys: list[ApiKey] = Field([], description="Known keys.", json_schema_extra=LIVE)
    api_keys_file: str | None = Field(
        None, description="A YAML file with a list of further keys.", json_schema_extra=LIVE
    )

    def entries(self) -> list[tuple[str, str]]:
        """Names and hashes of all keys."""
        return [(key.name, key.hash) for key in self.api_keys]

    @field_validator("api_keys")
    @classmethod
    def _unique(cls, keys: list[ApiKey]) -> list[ApiKey]:
        for attribute in ("name", "hash"):
            values = [getattr(key, attribute) for key in keys]
            if len(set(values)) < len(values):
                raise ValueError(f"two keys have the same {attribute}")
        return keys


class Settings(Section):
    """All settings of a node."""

    environment: Literal["dev", "test", "prod"] = Field(
        "prod", description="What the node runs for; shown, and a label of its log."
    )
    data_dir: str = Field("data", description="Where everything is stored.", min_length=1)
    node: NodeSettings = Field(NodeSettings(), description="This node among others.")
    server: ServerSettings = Field(ServerSettings(), description="The HTTP server.")
    event: EventSettings = Field(EventSettings(), description="The event core.")
    types: TypesSettings = Field(TypesSettings(), description="Event types from files.")
    database: DatabaseSettings = Field(DatabaseSettings(), description="A database server.")
    redis: RedisSettings = Field(RedisSettings(), description="A Redis or Valkey server.")
    backbone: BackboneSettings = Field(BackboneSettings(), description="A stream in front of it.")
    cache: CacheSettings = Field(CacheSettings(), description="What listeners cache.")
    listeners: ListenersSettings = Field(ListenersSettings(), description="Listeners.")
    limits: LimitsSettings = Field(LimitsSettings(), description="Token buckets.")
    logging: LoggingSettings = Field(LoggingSettings(), description="The node's own log.")
    metrics: MetricsSettings = Field(MetricsSettings(), description="The Prometheus endpoint.")
    promql: PromqlSettings = Field(PromqlSettings(), description="Queries over time series.")
    rules: RulesSettings = Field(RulesSettings(), description="Rules over time series.")
    on_call: OnCallSettings = Field(OnCallSettings(), description="Who is on call.")
    alerting: AlertingSettings = Field(AlertingSettings(), description="Who is told of alerts.")
    incidents: IncidentSettings = Field(
        IncidentSettings(), description="What people do about alerts."
    )
    rum: BrowserSettings = Field(BrowserSettings(), description="Measuring in browsers.")
    security: SecuritySettings = Field(SecuritySettings(), description="Who may use the API.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.limits.shared and self.redis.url is None:
            raise ValueError("limits.shared needs redis.url or redis.url_file")
        if self.backbone.enabled and not self.database.enabled:
            raise ValueError(
                f"backbone.kind {self.backbone.kind} needs `database.enabled`: state is kept there"
            )
        return self


def is_exposed(settings: Settings) -> bool:
    """Whether the node would listen beyond this machine without any key."""
    return not (
        settings.server.allow_anonymous
        or settings.security.api_keys
        or is_loopback(settings.server.host)
    )


def is_loopback(host: str) -> bool:
    if host in LOOPBACK_NAMES:
        return bool(host)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings) -> None:
    """Raise `ExposedServerError` where anybody on the network could trigger events."""
    if is_exposed(settings):
        raise ExposedServerError(
            f"server.host is {settings.server.host} and no API key is configured",
            where="server.host",
        )


def check_roles(settings: Settings) -> None:
    """Raise `ConfigurationError` where a role is missing and no other node can have it."""
    missing = sorted(set(ROLES) - set(settings.node.roles))
    if missing and not settings.database.enabled:
        raise ConfigurationError(
            f"node.roles lacks {', '.join(missing)}, and without `database` there is no other node",
            where="node.roles",
        )
