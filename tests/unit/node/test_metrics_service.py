"""Where the metrics service listens, and how often it measures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import ServiceError
from event_system.node.metrics_service import Address, Service, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port", "url"),
    [
        (":9100", "", 9100, "http://127.0.0.1:9100/metrics"),
        ("127.0.0.1:9200", "127.0.0.1", 9200, "http://127.0.0.1:9200/metrics"),
        ("localhost:0", "localhost", 0, "http://localhost:0/metrics"),
        ("[::1]:9100", "::1", 9100, "http://[::1]:9100/metrics"),
        (" :1 ", "", 1, "http://127.0.0.1:1/metrics"),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int, url: str) -> None:
    found = parse_address(text)

    assert found == Address(host, port)
    assert found.url(port) == url


@pytest.mark.parametrize("text", ["", "9100", ":", ":65536", ":999999", "a:b", "::1:9100", "a:1:2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="is no address"):
        parse_address(text)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        found = parse_address(text)
    except ServiceError:
        return
    assert 0 <= found.port <= 65_535


@pytest.mark.parametrize("seconds", [0, -1, 0.01, 1e9, math.nan])
def test_an_interval_that_makes_no_sense_is_refused(seconds: float) -> None:
    with pytest.raises(ServiceError, match="interval"):
        Service(Address("", 9100), seconds).checked()
