from __future__ import annotations

import pytest

from event_system.redis.address import check_url, place_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "redis://h:6379/0"),
        ("redis://user:hunter2@h:7000/3", "redis://h:7000/3"),
        ("rediss://:hunter2@h:6380/1?ssl_ca_certs=/etc/ca.pem", "rediss://h:6380/1"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    check_url(url)

    assert place_of(url) == shown


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "is no URL"),
        ("localhost:6379", "is no URL"),
        ("http://h/0", "is no URL"),
        ("redis:///0", "names no host"),
        ("redis://h:0/0", "names no host"),
        ("redis://h:x/0", "Port"),
        ("redis://h:99999", "Port"),
        ("redis://h/zero", "number of a database"),
        ("redis://h/-1", "number of a database"),
        ("redis://h/9999999999", "number of a database"),
        ("redis://h/0?retry=no", "unknown option retry"),
    ],
)
def test_what_is_wrong_with_a_url_is_told(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_url(url)
