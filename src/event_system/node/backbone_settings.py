"""The settings of an event backbone in front of the database: the stream of a broker."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from event_system.node.quantities import Duration
from event_system.node.sections import Names, Section

SECOND = timedelta(seconds=1)
_SCHEMES = {
    "kafka": ("kafka", "kafkas"),
    "nats": ("nats", "tls"),
    "rabbitmq": ("amqp", "amqps"),
}
"""Of a kind: how its addresses begin."""


class BackboneTls(Section):
    """Encryption on the way to the servers; `tls://` and `kafkas://` addresses need none of these."""

    ca_file: str | None = Field(None, description="Certificates of authorities to trust.")
    cert_file: str | None = Field(None, description="The node's own certificate.")
    key_file: str | None = Field(None, description="The key of that certificate.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs cert_file")
        return self


class BackboneSettings(Section):
    """Through what events come in: the database itself, or a stream in front of it."""

    kind: Literal["database", "kafka", "nats", "rabbitmq"] = Field(
        "database",
        description="`nats` makes events durable in NATS JetStream first, `kafka` in Kafka, `rabbitmq` "
        "in a RabbitMQ stream; needs `database.enabled`.",
    )
    urls: Names = Field(
        [],
        description="Addresses of the servers, such as `nats://host:4222`, `kafka://host:9092` or "
        "`amqp://host:5672/virtual-host`; encrypted, `kafkas://host:9093`, `amqps://host:5671`.",
        max_length=64,
    )
    stream: str = Field(
        "event-system",
        description="The stream, and the first part of its subjects; in Kafka the topic.",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
    )
    replicas: int = Field(
        3, description="Servers that have each event; counts when the stream is made.", ge=1, le=5
    )
    user: str | None = Field(None, description="User name.")
    password: SecretStr | None = Field(None, description="The user's password.")
    password_file: str | None = Field(None, description="A file that holds the password.")
    credentials_file: str | None = Field(
        None, description="A NATS credentials file (JWT and seed), in place of a user."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How a user logs in to Kafka."
    )
    tls: BackboneTls = Field(BackboneTls(), description="Encryption.")
    max_batch: int = Field(
        1_000,
        description="Events in one commit; with NATS at most `jetstream.limits.batch.max_msgs` of the "
        "servers.",
        ge=1_000,
        le=100_000,
    )
    keep: Duration = Field(
        timedelta(hours=72),
        description="How long events stay in the stream once the database has them too; with "
        "RabbitMQ it counts when the stream is made.",
        ge=60 * SECOND,
    )
    patience: Duration = Field(
        12 * SECOND,
        description="How long requests wait for servers that are away, or choose a leader, before "
        "they get 503.",
        ge=timedelta(0),
        le=60 * SECOND,
    )
    poll_interval: Duration = Field(
        SECOND / 10,
        description="How often to look for events that other nodes have stored.",
        ge=SECOND / 1000,
        le=10 * SECOND,
    )
    wait: Duration = Field(
        30 * SECOND,
        description="How long the start waits for servers that do not answer yet.",
        ge=timedelta(0),
        le=3600 * SECOND,
    )

    @field_validator("urls")
    @classmethod
    def _plain(cls, urls: list[str]) -> list[str]:
        for url in urls:
            parts = urlsplit(url)
            if not parts.scheme or not parts.hostname:
                raise ValueError(f"{url!r} is not of the form scheme://host:port")
            if parts.port == 0:  # asking for it refuses what is no port
                raise ValueError(f"{url!r} names no port that there can be")
            if parts.username or parts.password:
                raise ValueError("an address holds no user: name it in `user`")
        return urls

    def _check_schemes(self) -> None:
        schemes = _SCHEMES[self.kind]
        for url in self.urls:
            if urlsplit(url).scheme not in schemes:
                raise ValueError(f"{url!r}: an address of {self.kind} begins with {schemes[0]}://")

    def _check_kafka(self) -> None:
        if len({urlsplit(url).scheme for url in self.urls}) > 1:
            raise ValueError("`urls` are all of kafka:// or all of kafkas://")
        if self.user is not None and self.password is None:
            raise ValueError("a user of Kafka needs `password`")

    @property
    def enabled(self) -> bool:
        return self.kind != "database"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled:
            if not self.urls:
                raise ValueError(f"kind {self.kind} needs `urls`")
            self._check_schemes()
        if self.kind == "kafka":
            self._check_kafka()
        if self.credentials_file is not None and self.kind in ("kafka", "rabbitmq"):
            raise ValueError("`credentials_file` is of NATS: name `user` and `password`")
        if self.password is not None and self.user is None:
            raise ValueError("a password needs `user`")
        return self
