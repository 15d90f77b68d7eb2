"""What the settings of a backbone refuse, and where its library is not installed."""

from __future__ import annotations

import sys

import pytest
from pydantic import ValidationError

from event_system.kernel.errors import MissingBackboneError
from event_system.node import backbone_extras
from event_system.node.backbone_settings import BackboneSettings

URLS = {
    "kafka": "kafka://host:9092",
    "nats": "nats://host:4222",
    "rabbitmq": "amqps://host:5671/games",
}


@pytest.mark.parametrize("kind", URLS)
def test_a_kind_takes_addresses_of_its_own_form_only(kind: str) -> None:
    settings = BackboneSettings.model_validate({"kind": kind, "urls": [URLS[kind]]})
    assert settings.enabled

    for url in (*(url for of, url in URLS.items() if of != kind), "host:4222", "http://host"):
        with pytest.raises(ValidationError, match=r"begins with|is not of the form"):
            BackboneSettings.model_validate({"kind": kind, "urls": [url]})
    with_user = URLS[kind].replace("host", "me:secret@host")
    with pytest.raises(ValidationError, match="holds no user"):
        BackboneSettings.model_validate({"kind": kind, "urls": [with_user]})
    with pytest.raises(ValidationError, match=f"kind {kind} needs `urls`"):
        BackboneSettings.model_validate({"kind": kind})


def test_credentials_of_nats_are_of_no_use_elsewhere() -> None:
    given = {"kind": "rabbitmq", "urls": [URLS["rabbitmq"]], "credentials_file": "a.creds"}

    with pytest.raises(ValidationError, match="`credentials_file` is of NATS"):
        BackboneSettings.model_validate(given)


@pytest.mark.parametrize("kind", URLS)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone_extras.demand(kind)
    for library in ("aiokafka", "aiormq", "nats"):
        monkeypatch.delitem(sys.modules, library, raising=False)
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(MissingBackboneError, match=rf"pip install 'event-system\[{kind}\]'"):
        backbone_extras.demand(kind)
