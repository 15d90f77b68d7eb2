"""What a node takes as the way to Kafka brokers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from event_system.eventlog.kafka.topic import KafkaTopic
from event_system.kernel.errors import BackboneRefusedError, MissingBackboneError
from event_system.node import backbone_extras
from event_system.node.backbone import _STREAMS
from event_system.node.backbone_settings import BackboneSettings


def settings(*urls: str, **members: Any) -> BackboneSettings:
    return BackboneSettings.model_validate({"kind": "kafka", "urls": urls, **members})


async def test_addresses_users_and_encryption_reach_the_client() -> None:
    found = settings("kafkas://a:9093", "kafkas://[::1]", user="u", password="p")

    topic = _STREAMS["kafka"](found)

    assert isinstance(topic, KafkaTopic)
    access = topic._connection._access
    assert access.servers == (("a", 9093), ("::1", 9092))
    assert (access.user, access.password, access.mechanism) == ("u", "p", "SCRAM-SHA-512")
    assert access.tls is not None
    assert access.tls.check_hostname
    assert topic._connection._options()["security_protocol"] == "SASL_SSL"


async def test_without_any_of_these_the_way_is_plain() -> None:
    topic = _STREAMS["kafka"](settings("kafka://a", stream="t"))

    assert isinstance(topic, KafkaTopic)
    assert topic.name == "t"
    assert topic._connection._options()["security_protocol"] == "PLAINTEXT"


def test_certificates_that_are_not_there_are_told() -> None:
    with pytest.raises(BackboneRefusedError, match="certificates"):
        _STREAMS["kafka"](settings("kafkas://a", tls={"ca_file": "/absent.pem"}))


@pytest.mark.parametrize(("kind", "library"), [("kafka", "aiokafka"), ("nats", "nats-py")])
def test_a_library_that_is_missing_is_named_with_its_extra(
    kind: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone_extras, "find_spec", lambda _: None)

    with pytest.raises(MissingBackboneError) as raised:
        backbone_extras.demand(kind)

    assert raised.value.detail == (f"{kind} needs {library}: pip install 'event-system[{kind}]'")


@pytest.mark.parametrize(
    ("urls", "members", "why"),
    [
        ([], {}, "kind kafka needs `urls`"),
        (["nats://a:4222"], {}, "an address of kafka begins with kafka://"),
        (["a:9092"], {}, "is not of the form"),
        (["kafka://a:99999"], {}, "(?i)port"),
        (["kafka://a:0"], {}, "names no port"),
        (["kafka://u:p@a"], {}, "an address holds no user"),
        (["kafka://a", "kafkas://b"], {}, "all of kafka:// or all of kafkas://"),
        (["kafka://a"], {"user": "u"}, "a user of Kafka needs `password`"),
        (["kafka://a"], {"password": "p"}, "a password needs `user`"),
        (["kafka://a"], {"sasl_mechanism": "GSSAPI"}, "sasl_mechanism"),
        (["kafka://a"], {"stream": "a/b"}, "stream"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    urls: list[str], members: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        settings(*urls, **members)
