"""How channels connect: certificates, logins, proxies. Nothing here loads a client."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from event_system.alerting.secret import Secret


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the other side's certificate is checked, and what is shown to it."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure_skip_verify: bool = False

    def context(self) -> ssl.SSLContext:
        """Raises `OSError` where a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`http_config`. `authorization` is a scheme and its credentials."""

    basic_auth: tuple[str, Secret] | None = None
    authorization: tuple[str, Secret] | None = None
    tls: TlsSettings = field(default_factory=TlsSettings)
    proxy_url: Secret | None = None
    follow_redirects: bool = True
