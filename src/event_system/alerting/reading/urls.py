"""Addresses in a configuration."""

from __future__ import annotations

from urllib.parse import urlsplit

from event_system.alerting.reading.sections import Section


def check_url(section: Section, key: str, url: str) -> bool:
    """Whether it is an address that can be asked; a fault where not."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        section.fault(key, "is no URL that begins with http:// or https://")
    return good
