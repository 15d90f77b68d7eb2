"""Whatever Apprise knows: over a hundred services, each by a URL of its own form.

The library takes some 20 MB and a second to load, so nothing but `AppriseChannel` itself imports it, and
it is made only where a receiver names such a URL. What it says in its log may have secrets: of that
only the codes of answers are read, and none of it reaches the node's log.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, TypeAlias

from event_system.alerting.notification import Notification
from event_system.alerting.rendering import rendered
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import ChannelError
from event_system.kernel.threads import in_own_thread

MOST_THREADS: Final = 16
"""Sends of one channel that have not ended, those that were given up included."""
_TALKATIVE: Final = ("urllib3", "requests", "requests_oauthlib", "oauthlib")
"""What it speaks through; these tell whole addresses."""
_CODE: Final = re.compile(r"\berror=([1-5]\d\d)\b")
_PASSING: Final = (408, 425, 429)
_Told: TypeAlias = Callable[[str, str, bool], Iterable[str] | None]
"""Tells a title and a body of what fires; None where they were taken, else what the library says."""


class AppriseMissingError(Exception):
    """The library is not installed."""


@dataclass(frozen=True, slots=True)
class AppriseSettings:
    """`title` and `message` are templates."""

    url: Secret
    title: str
    message: str


class AppriseChannel:
    """Implements `ports.Channel`.

    Raises `AppriseMissingError`, and `ValueError` where no service has such a URL.
    """

    def __init__(self, settings: AppriseSettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates
        self._tell = _opened(settings.url)
        self._threads = threading.BoundedSemaphore(MOST_THREADS)

    async def send(self, notification: Notification) -> None:
        title, body = await rendered(self._texts, notification)
        work = partial(self._brought, title, body, notification.status == "firing")
        await in_own_thread(work, "apprise")

    def _texts(self, notification: Notification) -> tuple[str, str]:
        settings, templates = self._settings, self._templates
        return (
            templates.title(settings.title, notification),
            templates.message(settings.message, notification),
        )

    def _brought(self, title: str, body: str, is_firing: bool) -> None:
        """In a thread that it may hold for long. Raises `ChannelError`."""
        if not self._threads.acquire(blocking=False):
            raise ChannelError(f"{self._name()}: sends without an answer go on", may_pass=True)
        try:
            said = self._tell(title, body, is_firing)
        except Exception as error:  # noqa: BLE001 - services raise what their libraries do
            told = f"{self._name()} failed: {type(error).__name__}"
            raise ChannelError(told, may_pass=True) from None
        finally:
            self._threads.release()
        if said is not None:
            raise self._refused(said)

    def _refused(self, said: Iterable[str]) -> ChannelError:
        """Where all answers were refusals, another attempt would get them again."""
        codes = sorted({int(code) for text in said for code in _CODE.findall(text)})
        if not codes:
            return ChannelError(f"{self._name()} cannot be reached, or refused", may_pass=True)
        may_pass = any(code >= 500 or code in _PASSING for code in codes)
        return ChannelError(
            f"{self._name()} answered {', '.join(map(str, codes))}", may_pass=may_pass
        )

    def _name(self) -> str:
        """The kind of service: also the host of such a URL may be a secret."""
        return scheme_of(self._settings.url)

    async def close(self) -> None:
        """Every notification has connections of its own."""


def scheme_of(url: Secret) -> str:
    """All of a URL that may be told: `tgram://`."""
    scheme, mark, _ = url.reveal().partition("://")
    return f"{scheme[:40].lower()}://" if mark and scheme.isalnum() else "the service"


def _opened(url: Secret) -> _Told:
    """The one service of a URL, which works in the thread that asks it."""
    _load()
    from apprise import (
        Apprise,
        AppriseAsset,
        NotifyFormat,
        NotifyType,
        OverflowMode,
        PersistentStoreMode,
    )

    asset = AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY,
        async_mode=False,
        service_timeout=0,
        app_id="event-system",
        app_desc="event-system",
    )
    service = Apprise.instantiate(url.reveal(), asset=asset)
    if service is None:
        raise ValueError(f"no service has a URL such as this one, which begins {scheme_of(url)}")
    if service.overflow_mode is OverflowMode.UPSTREAM:  # long texts would be refused
        service.overflow_mode = OverflowMode.TRUNCATE
    services = Apprise(service, asset=asset)

    def tell(title: str, body: str, is_firing: bool) -> Iterable[str] | None:
        kind = NotifyType.FAILURE if is_firing else NotifyType.SUCCESS
        result = services.notify(body, title, kind, body_format=NotifyFormat.TEXT)
        return None if result else [entry.message for entry in result.logs()]

    return tell


@cache
def _load() -> None:
    """The library, with its log turned off but for what a send reads of it."""
    try:
        import apprise
    except ImportError:
        raise AppriseMissingError from None
    apprise.logger.setLevel(logging.WARNING)
    apprise.logger.propagate = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
