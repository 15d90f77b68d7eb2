"""The settings of alerting in the node."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from event_system.node.quantities import Duration
from event_system.node.sections import Section

HOUR = timedelta(hours=1)


class AlertingSettings(Section):
    """Alerts: who is told of them, when and how."""

    enabled: bool = Field(
        True, description="Take alerts in, and tell of them; on nodes with the role `ops`."
    )
    config_file: str | None = Field(
        None,
        description="Routes, receivers and inhibition in Alertmanager's format; a relative path "
        "is beside the configuration file. With null alerts are kept by their level, and nobody "
        "is notified.",
        json_schema_extra={"live": True},
    )
    external_url: str | None = Field(
        None,
        description="Where people reach this node, for links in notifications; null is the "
        "machine's name and `server.port`.",
        max_length=2048,
    )
    retention: Duration = Field(
        120 * HOUR,
        description="How long expired silences, and what was told, are kept.",
        ge=HOUR,
    )
    recovery_notices: bool = Field(
        True,
        description="Tell the end of every alert whose beginning was told: also one that was "
        "silenced or inhibited in between, and over channels that leave ends out by default.",
    )

    @field_validator("external_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no http or https URL")
        return value.rstrip("/")
