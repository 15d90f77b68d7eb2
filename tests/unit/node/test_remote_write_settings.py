"""The addresses of receivers: checked, and never shown with what they hold."""

from __future__ import annotations

import pytest

from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import load_settings


def given(url: str) -> dict[str, object]:
    return {"metrics.remote_write": [{"url": url}]}


@pytest.mark.parametrize(
    "url", ["ftp://x/geheim", "https:///geheim", "https://u:geheim@host/w", ""]
)
def test_an_address_that_cannot_be_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {}, given(url))

    assert "url" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_token_in_an_address_is_not_shown() -> None:
    settings = load_settings(None, {}, given("https://host/write?token=geheim")).settings

    assert settings.metrics.remote_write[0].url.get_secret_value().endswith("?token=geheim")
    assert "geheim" not in settings.model_dump_json() + repr(settings)
