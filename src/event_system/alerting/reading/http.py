"""`http_config` and `tls_config`."""

from __future__ import annotations

from event_system.alerting.channels.connecting import HttpSettings, TlsSettings
from event_system.alerting.reading.sections import Section
from event_system.alerting.secret import Secret


def http_settings(owner: Section, default: HttpSettings) -> HttpSettings:
    """The `http_config` of a section."""
    if "http_config" not in owner:
        owner.raw("http_config")
        return default
    section = owner.section("http_config")
    found = HttpSettings(
        basic_auth=_basic_auth(section),
        authorization=_authorization(section),
        tls=tls_settings(section.section("tls_config")),
        proxy_url=section.secret("proxy_url"),
        follow_redirects=section.flag("follow_redirects", True),
    )
    section.flag("enable_http2", True)  # what HTTP/2 would change nobody sees
    if found.basic_auth and found.authorization:
        section.fault(None, "give one of `basic_auth`, `authorization` and `bearer_token`")
    section.done({"oauth2": "is not supported; give `authorization` or `basic_auth`"})
    return found


def tls_settings(section: Section) -> TlsSettings:
    found = TlsSettings(
        ca_file=section.text("ca_file"),
        cert_file=section.text("cert_file"),
        key_file=section.text("key_file"),
        insecure_skip_verify=section.flag("insecure_skip_verify", False),
    )
    section.done()
    try:
        found.context()
    except OSError as error:
        section.fault(None, f"its files cannot be used: {error.strerror or error}")
    return found


def _basic_auth(section: Section) -> tuple[str, Secret] | None:
    if "basic_auth" not in section:
        section.raw("basic_auth")
        return None
    inner = section.section("basic_auth")
    found = inner.text("username"), inner.secret("password") or Secret("")
    inner.done()
    return found


def _authorization(section: Section) -> tuple[str, Secret] | None:
    token = section.secret("bearer_token")
    if "authorization" not in section:
        section.raw("authorization")
        return None if token is None else ("Bearer", token)
    inner = section.section("authorization")
    found = inner.text("type", "Bearer"), inner.secret("credentials") or Secret("")
    inner.done()
    return found
