"""All routes of our own beside Alertmanager's API; a node answers them, too."""

from __future__ import annotations

from typing import Final

from event_system.http.alertmanager.explain import EXPLAINING
from event_system.http.alertmanager.notifications import NOTIFICATIONS
from event_system.http.alertmanager.recurring import RECURRING

OWN: Final = (*EXPLAINING, *NOTIFICATIONS, *RECURRING)
