"""The settings of metrics: where they are served, where they are kept, whom else is asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator

from event_system.node.collector_settings import CollectorSettings
from event_system.node.quantities import Duration, Size
from event_system.node.scrape_settings import (
    MOST_JOBS,
    AccessSettings,
    ScrapeSettings,
    unique_names,
)
from event_system.node.sections import Section

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MIB = 1024 * 1024


class StoreRetentionSettings(Section):
    """How long samples are kept."""

    max_age: Duration = Field(15 * DAY, description="Samples older than this are deleted.", ge=DAY)
    max_size: Size | None = Field(
        None,
        description="The oldest samples are deleted while the store is larger; null sets no limit.",
        ge=16 * MIB,
    )


class MetricsStoreSettings(Section):
    """The node's own time-series store; on nodes with the role `ops`."""

    enabled: bool = Field(True, description="Keep metrics as time series.")
    directory: str | None = Field(
        None, description="Where; null is `metrics` in `data_dir`. For this node alone."
    )
    interval: Duration = Field(
        15 * SECOND,
        description="How often the node's own metrics are stored, and everything is brought to "
        "the disk: what a crash of the machine may cost.",
        ge=SECOND,
        le=300 * SECOND,
    )
    max_series: int = Field(
        200_000, description="Series at most; samples of further ones are refused.", ge=1000
    )
    retention: StoreRetentionSettings = Field(
        StoreRetentionSettings(), description="How long samples are kept."
    )

    def path(self, data_dir: str) -> Path:
        """Where the store is."""
        return Path(data_dir) / "metrics" if self.directory is None else Path(self.directory)


class RemoteWriteSettings(AccessSettings):
    """A receiver of remote write 1.0."""

    url: SecretStr = Field(description="Where it listens. Its query may hold a token.")
    remote_timeout: Duration = Field(
        30 * SECOND, description="How long it may take to answer.", ge=SECOND / 10
    )
    queue_samples: int = Field(
        500_000, description="Samples that wait at most; then the oldest are dropped.", ge=1000
    )
    max_samples_per_send: int = Field(
        2000, description="Samples that go at once.", ge=1, le=100_000
    )

    @field_validator("url")
    @classmethod
    def _web(cls, url: SecretStr) -> SecretStr:
        if "@" in web_address(url).netloc:
            raise ValueError("user and password belong into basic_auth")
        return url


def web_address(url: SecretStr) -> SplitResult:
    """Its parts, or `ValueError`."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address has to begin with http:// or https:// and a host")
    return parts


class MetricsSettings(Section):
    """The Prometheus endpoint, and the store."""

    enabled: bool = Field(
        True,
        description="Count, collect, serve and store metrics. Without it there are no queries, and no "
        "rules and their alerts; alerts that others post are told, and `/health` answers, as before.",
    )
    host: str | None = Field(
        None,
        description="Address to listen on for `/metrics`; null is `server.host`, `127.0.0.1` serves "
        "this machine alone.",
    )
    port: int = Field(9090, description="Port to listen on; 0 takes a free one.", ge=0, le=65535)
    collectors: CollectorSettings = Field(
        CollectorSettings(), description="Figures of servers around the node."
    )
    store: MetricsStoreSettings = Field(
        MetricsStoreSettings(), description="The node's own time-series store."
    )
    scrape_configs: list[ScrapeSettings] = Field(
        [],
        description="Targets whose metrics are stored too, as Prometheus' `scrape_configs`; "
        "docs/metrics-store.md says which of its keys.",
        max_length=MOST_JOBS,
    )
    remote_write: list[RemoteWriteSettings] = Field(
        [],
        description="Receivers to which everything that is stored is sent too.",
        max_length=16,
    )
    query_url: SecretStr | None = Field(
        None,
        description="A Prometheus on which rules are evaluated instead of on the own store, which "
        "keeps what they record. User and password may stand in it.",
    )
    query_timeout: Duration = Field(
        10 * SECOND, description="How long it may take to answer a rule.", ge=SECOND / 10
    )
    scrape_config_file: str | None = Field(
        None, description="A Prometheus configuration whose `scrape_configs` are taken as well."
    )

    @field_validator("scrape_configs")
    @classmethod
    def _unique(cls, configs: list[ScrapeSettings]) -> list[ScrapeSettings]:
        return unique_names(configs)

    @field_validator("query_url")
    @classmethod
    def _web(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            web_address(url)
        return url
