"""What a stream has to be like, so that it loses no events and takes commits."""

from __future__ import annotations

from typing import Any

from event_system.eventlog.nats.wire import Config
from event_system.kernel.errors import BackboneRefusedError

OWNER = "event-system-log"
"""The member of a stream's metadata that says which log it is of."""


def wanted(name: str, replicas: int, first: int, owner: str) -> dict[str, Any]:
    """The configuration to make a stream with, so that its first event has the offset `first`."""
    return {
        "name": name,
        "description": "the events of event-system; its nodes delete what is old",
        "subjects": [f"{name}.>"],
        "storage": "file",
        "retention": "limits",
        "num_replicas": replicas,
        "first_seq": first,
        "allow_atomic": True,
        "allow_direct": True,
        "deny_delete": True,
        "metadata": {OWNER: owner},
    }


def check_config(name: str, config: Config) -> None:
    """Raise `BackboneRefusedError` where events would be lost, or could not be appended."""
    limits = {
        "max_msgs": config.max_msgs,
        "max_bytes": config.max_bytes,
        "max_age": config.max_age,
        "max_msgs_per_subject": config.max_msgs_per_subject,
        "max_msg_size": config.max_msg_size,
    }
    wrong = [f"{key} is {value}, has to be unlimited" for key, value in limits.items() if value > 0]
    members: dict[str, tuple[object, object]] = {
        "subjects": (config.subjects, [f"{name}.>"]),
        "storage": (config.storage, "file"),
        "retention": (config.retention, "limits"),
        "allow_atomic": (config.allow_atomic, True),
        "allow_direct": (config.allow_direct, True),
        "no_ack": (config.no_ack, False),
    }
    wrong += [
        f"{key} is {is_}, not {to_be}" for key, (is_, to_be) in members.items() if is_ != to_be
    ]
    if wrong:
        told = "; ".join(wrong)
        raise BackboneRefusedError(f"the stream {name!r}: {told}", where="backbone.stream")


def drift(config: Config, replicas: int) -> str | None:
    """What of the stream is weaker or stronger than the settings say, though it works."""
    if config.num_replicas == replicas:
        return None
    return f"the stream has {config.num_replicas} replicas, backbone.replicas is {replicas}"
