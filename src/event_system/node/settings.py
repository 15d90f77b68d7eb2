"""Every setting of a node: its meaning, default, bounds, and whether it can change live."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from event_system.kernel.errors import ExposedServerError
from event_system.node.quantities import Duration, Size

LIVE: dict[str, Any] = {"live": True}
LOOPBACK_NAMES = ("localhost", "")


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]


class Section(BaseModel):
    """A part of the settings; unknown keys are faults."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


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


class EventSettings(Section):
    """The event core."""

    async_workers: int = Field(
        4,
        description="Lanes of one listener that are handled at the same time.",
        ge=1,
        le=1024,
        json_schema_extra=LIVE,
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
    dedupe_window: Duration = Field(
        timedelta(hours=24),
        description="How long the same (source, id) counts as the same event.",
        json_schema_extra=LIVE,
    )
    lanes: int = Field(
        16,
        description="Ordered sub-streams; counts at the first start of a data directory only.",
        ge=1,
        le=1024,
    )


class DatabaseSettings(Section):
    """A database server for events and state."""

    enabled: bool = Field(False, description="Store in the database that `dsn` names.")
    dsn: SecretStr | None = Field(None, description="Connection string, Go MySQL form or URL.")
    dsn_file: str | None = Field(None, description="A file that holds the connection string.")


class ListenerOverride(Section):
    """An operator's settings for one listener; what is absent stays as declared."""

    enabled: bool | None = Field(None, description="Whether the listener gets events at all.")
    timeout: float | None = Field(None, description="Seconds a call may take.", gt=0, le=86_400)
    filter: str | None = Field(None, description="CEL expression over `event`.", max_length=1000)
    priority: int | None = Field(None, description="Order among sync listeners, higher first.")
    workers: int | None = Field(None, description="Lanes handled at the same time.", ge=1, le=1024)


class ListenersSettings(Section):
    """Which listeners are loaded, and their settings."""

    modules: Names = Field([], description="Modules to load: import names or paths of .py files.")
    entry_points: bool = Field(
        True, description="Load the listeners of installed packages (`event_system.listeners`)."
    )
    overrides: dict[str, ListenerOverride] = Field(
        {}, description="Settings by listener name.", json_schema_extra=LIVE
    )


class LoggingSettings(Section):
    """The node's own log."""

    level: Literal["debug", "info", "warn", "error"] = Field(
        "info", description="Least severe level that is written.", json_schema_extra=LIVE
    )
    format: Literal["json", "text"] = Field(
        "json", description="`json` for machines, `text` for people.", json_schema_extra=LIVE
    )
    file: str | None = Field(None, description="File to write to; null is standard error.")

    @field_validator("level", mode="before")
    @classmethod
    def _known_names(cls, value: Any) -> Any:
        lower = value.lower() if isinstance(value, str) else value
        return {"warning": "warn"}.get(lower, lower)


class MetricsSettings(Section):
    """The Prometheus endpoint."""

    enabled: bool = Field(True, description="Serve `/metrics`.")
    host: str | None = Field(None, description="Address to listen on; null is `server.host`.")
    port: int = Field(9090, description="Port to listen on; 0 takes a free one.", ge=0, le=65535)


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
    server: ServerSettings = Field(ServerSettings(), description="The HTTP server.")
    event: EventSettings = Field(EventSettings(), description="The event core.")
    database: DatabaseSettings = Field(DatabaseSettings(), description="A database server.")
    listeners: ListenersSettings = Field(ListenersSettings(), description="Listeners.")
    logging: LoggingSettings = Field(LoggingSettings(), description="The node's own log.")
    metrics: MetricsSettings = Field(MetricsSettings(), description="The Prometheus endpoint.")
    security: SecuritySettings = Field(SecuritySettings(), description="Who may use the API.")


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
