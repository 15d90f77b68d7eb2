"""Where a channel sends to, for who wants to look at the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from event_system.alerting.channels.connecting import HttpSettings, TlsSettings
from event_system.alerting.secret import Secret


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port; `tls` of None begins without, as SMTP with STARTTLS does."""

    host: str
    port: int
    tls: TlsSettings | None


@runtime_checkable
class Placed(Protocol):
    """A channel or a provider that sends to one place."""

    def place(self) -> Place | None:
        """None where something else, a proxy, stands in between."""


def place_of_url(url: str | Secret, http: HttpSettings) -> Place | None:
    if http.proxy_url is not None:
        return None
    parts = urlsplit(url.reveal() if isinstance(url, Secret) else url)
    is_safe = parts.scheme == "https"
    port = parts.port or (443 if is_safe else 80)
    return Place(parts.hostname or "", port, http.tls if is_safe else None)
