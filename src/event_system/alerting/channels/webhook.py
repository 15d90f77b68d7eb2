"""Webhook: Alertmanager's JSON, version 4."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from event_system.alerting.alert import Alert
from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.notification import Notification, status_of
from event_system.alerting.rendering import rendered
from event_system.alerting.secret import Secret
from event_system.kernel.clock import to_datetime

VERSION: Final = "4"
NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`max_alerts` of 0 is no limit."""

    url: Secret
    http: HttpSettings
    max_alerts: int = 0


class Webhook:
    """Implements `ports.Channel`."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._http = Http(settings.http)

    async def send(self, notification: Notification) -> None:
        await self._http.post(self._settings.url, await rendered(self._body, notification))

    def _body(self, notification: Notification) -> bytes:
        return msgspec.json.encode(payload(notification, self._settings.max_alerts))

    def place(self) -> Place | None:
        return place_of_url(self._settings.url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


def payload(notification: Notification, max_alerts: int = 0) -> dict[str, Any]:
    """What is common is that of the alerts which are shown."""
    cut = len(notification.alerts) - max_alerts if max_alerts else 0
    if cut > 0:
        notification = replace(notification, alerts=notification.alerts[:max_alerts])
    return {
        "receiver": notification.shown_receiver,
        "status": notification.status,
        "alerts": [_alert(alert) for alert in notification.alerts],
        "groupLabels": dict(notification.group_labels),
        "commonLabels": notification.common_labels,
        "commonAnnotations": notification.common_annotations,
        "externalURL": notification.external_url,
        "version": VERSION,
        "groupKey": notification.group_key,
        "truncatedAlerts": max(cut, 0),
        **({"notifications": notification.count} if notification.count > 1 else {}),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "status": status_of(alert),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": exact(alert.starts_us),
        "endsAt": exact(alert.ends_us) if alert.ends_us else NEVER,
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
        **({"updates": alert.update_count} if alert.update_count else {}),
    }


def exact(us: int) -> str:
    """RFC 3339 with as many digits as there are."""
    text = to_datetime(us).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"
