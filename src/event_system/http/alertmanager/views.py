"""What the API shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from event_system.alerting.alert import Alert
from event_system.alerting.matchers import Matchers
from event_system.alerting.muting import Muted
from event_system.alerting.silences import Silence
from event_system.kernel.clock import rfc3339


def alert_view(alert: Alert, muted: Muted, receivers: Iterable[str]) -> dict[str, Any]:
    """`gettableAlert`."""
    shown = {
        "annotations": alert.annotations,
        "endsAt": rfc3339(alert.ends_us),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": name} for name in receivers],
        "startsAt": rfc3339(alert.starts_us),
        "status": {
            "inhibitedBy": muted.inhibited_by,
            "silencedBy": muted.silenced_by,
            "state": "suppressed" if any(muted) else "active",
        },
        "updatedAt": rfc3339(alert.updated_us),
        "labels": alert.labels,
    }
    if alert.generator_url:
        shown["generatorURL"] = alert.generator_url
    return shown


def silence_view(silence: Silence, matchers: Matchers, now_us: int) -> dict[str, Any]:
    """`gettableSilence`."""
    return {
        "id": silence.id,
        "status": {"state": silence.state(now_us)},
        "updatedAt": rfc3339(silence.updated_us),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": rfc3339(silence.ends_us),
        "matchers": [
            {
                "isEqual": matcher.is_equal,
                "isRegex": matcher.is_regex,
                "name": matcher.name,
                "value": matcher.value,
            }
            for matcher in matchers
        ],
        "startsAt": rfc3339(silence.starts_us),
    }
