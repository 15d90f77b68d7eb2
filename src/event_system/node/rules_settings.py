"""The settings of recording and alerting rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from event_system.node.metrics_settings import web_address
from event_system.node.quantities import Duration
from event_system.node.scrape_settings import AccessSettings, LabelName, Text
from event_system.node.sections import LIVE, Names, Section

SECOND = timedelta(seconds=1)


class AlertmanagerSettings(AccessSettings):
    """An Alertmanager, or what speaks its API."""

    url: SecretStr = Field(description="Where it listens; `/api/v2/alerts` follows it.")
    timeout: Duration = Field(
        10 * SECOND, description="How long it may take to answer.", ge=SECOND / 10
    )

    @field_validator("url")
    @classmethod
    def _web(cls, url: SecretStr) -> SecretStr:
        if "@" in web_address(url).netloc:
            raise ValueError("user and password belong into basic_auth")
        return url


def _whole(given: Any) -> Any:
    """An address alone is one too."""
    return {"url": given} if isinstance(given, str) else given


class RulesSettings(Section):
    """Rules over time series: what is recorded, and what alerts."""

    files: Names = Field(
        [],
        description="Files of rules in Prometheus' format; `*` stands for any characters. Relative "
        "ones lie beside the configuration file.",
        json_schema_extra=LIVE,
    )
    interval: Duration = Field(
        60 * SECOND,
        description="How often groups without an interval are evaluated.",
        ge=SECOND,
        json_schema_extra=LIVE,
    )
    shipped: bool = Field(
        True,
        description="Evaluate the alerting rules that are shipped, too; docs/alerts.md lists them.",
        json_schema_extra=LIVE,
    )
    disabled: Names = Field(
        [],
        description="Shipped alerts that are not evaluated, by name.",
        json_schema_extra=LIVE,
    )
    alertmanagers: list[Annotated[AlertmanagerSettings, BeforeValidator(_whole)]] = Field(
        [],
        description="Alertmanagers that are told of alerts, all of them: addresses, or `url` with "
        "`basic_auth`, `authorization`, `tls_config`, `timeout`.",
        max_length=16,
    )
    external_labels: dict[LabelName, Text] = Field(
        {}, description="Labels that alerts get on their way out.", json_schema_extra=LIVE
    )
    runbook_base: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "",
        description="Address that is put before the `runbook_url` of alerts where that is a path.",
        json_schema_extra=LIVE,
    )
