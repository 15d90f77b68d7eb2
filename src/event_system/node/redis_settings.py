"""The settings of a Redis server."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from event_system.node.quantities import Duration
from event_system.node.sections import Section
from event_system.redis.address import LinkSettings, check_url

MILLISECOND = timedelta(milliseconds=1)


class RedisSettings(Section):
    """A Redis or Valkey server that nodes share; without one, each node goes by itself."""

    url: SecretStr | None = Field(
        None,
        description="`redis://user:password@host:6379/0`, `rediss://` with TLS, or `unix:///path`.",
    )
    url_file: str | None = Field(None, description="A file that holds the URL.")
    prefix: str = Field(
        "event-system",
        description="How all keys begin, in braces; installations that share a server need "
        "different ones.",
        pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
    )
    pool_size: int = Field(
        8, description="Calls at once; two more connections look and listen.", ge=1, le=1000
    )
    timeout: Duration = Field(
        100 * MILLISECOND,
        description="How long a call may take; after that the node goes on without Redis.",
        ge=MILLISECOND,
        le=5000 * MILLISECOND,
    )

    @field_validator("url")
    @classmethod
    def _readable(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_url(url.get_secret_value())
        return url

    def link(self) -> LinkSettings | None:
        """What a link needs to know; None without a server."""
        if self.url is None:
            return None
        return LinkSettings(
            self.url.get_secret_value(), self.prefix, self.pool_size, self.timeout.total_seconds()
        )
