"""E-mail: a MIME message with text and HTML, over SMTP with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses, parseaddr
from hashlib import sha256
from typing import Final

import aiosmtplib

from event_system.alerting.channels.connecting import TlsSettings
from event_system.alerting.channels.place import Place
from event_system.alerting.notification import Notification
from event_system.alerting.ports import PartlyTakenError
from event_system.alerting.rendering import rendered
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import ChannelError
from event_system.kernel.threads import in_thread

TLS_PORT: Final = 465
SECONDS: Final = 25.0
_NEEDED: Final = ("To", "From")
_PASSING: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """`to`, `sender`, `headers`, `html` and `text` are templates; header names are capitalised."""

    to: str
    sender: str
    host: str
    port: int
    hello: str
    headers: Mapping[str, str]
    html: str
    text: str
    username: str = ""
    password: Secret | None = None
    require_tls: bool = True
    tls: TlsSettings = field(default_factory=TlsSettings)


class Email:
    """Implements `ports.Channel`. `new_id` names each message."""

    def __init__(
        self,
        settings: EmailSettings,
        templates: Templates,
        now_us: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._templates = templates
        self._now_us = now_us
        self._new_id = new_id

    async def send(self, notification: Notification) -> None:
        place = f"{self._settings.host}:{self._settings.port}"
        message, sender, recipients = await rendered(self._message, notification)
        if (only := notification.recipients) is not None:
            recipients = [each for each in recipients if each in only]
        try:
            refused = await self._deliver(message, sender, recipients)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {each.recipient: each.code for each in error.recipients}
        except aiosmtplib.SMTPResponseException as error:
            told = f"{place} answered {error.code}"
            raise ChannelError(told, may_pass=error.code in _PASSING) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            told = f"{place} cannot be reached: {type(error).__name__}"
            raise ChannelError(told, may_pass=True) from None
        if refused:
            raise PartlyTakenError(
                f"{place} refused {len(refused)} of {len(recipients)}: {sorted({*refused.values()})}",
                taken=len(recipients) - len(refused),
                left=[each for each, code in refused.items() if code in _PASSING],
                refused={
                    each: f"refused with {code}"
                    for each, code in refused.items()
                    if code not in _PASSING
                },
            )

    async def _deliver(
        self, message: EmailMessage, sender: str, recipients: Sequence[str]
    ) -> dict[str, int]:
        """The recipients that were refused, each with its code."""
        settings = self._settings
        async with self._client(await in_thread(settings.tls.context)) as client:
            if settings.require_tls and settings.port != TLS_PORT:
                await client.starttls()
            if settings.username and settings.password is not None:
                await client.login(settings.username, settings.password.reveal())
            errors, _ = await client.sendmail(
                sender, list(recipients), message.as_bytes(policy=SMTP_POLICY)
            )
        return {recipient: answer.code for recipient, answer in errors.items()}

    def _client(self, tls: ssl.SSLContext) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.hello,
            use_tls=settings.port == TLS_PORT,
            start_tls=False,
            tls_context=tls,
            timeout=SECONDS,
        )

    def place(self) -> Place:
        settings = self._settings
        tls = settings.tls if settings.port == TLS_PORT else None
        return Place(settings.host, settings.port, tls)

    async def close(self) -> None:
        """Every mail has a connection of its own."""

    def _message(self, notification: Notification) -> tuple[EmailMessage, str, list[str]]:
        settings, render = self._settings, self._templates.text
        sender = parseaddr(render(settings.sender, notification))[1]
        recipients = [to for _, to in getaddresses([render(settings.to, notification)]) if to]
        if not sender or not recipients:
            raise ChannelError("an e-mail needs one `from` and some `to`")
        message = EmailMessage()
        try:
            for name, text in self._headers(notification):
                message[name] = " ".join(text.split())
        except (ValueError, MessageError) as error:
            raise ChannelError(f"a header of an e-mail cannot be made: {error}") from None
        message["Date"] = format_datetime(to_datetime(self._now_us()))
        message["Message-Id"] = f"<{self._new_id()}@{settings.hello}>"
        if notification.count == 1:
            _join_conversation(message, notification, settings.hello)
        html = self._templates.html(settings.html, notification)
        message.set_content(self._templates.message(settings.text, notification))
        if html:
            message.add_alternative(html, subtype="html")
        return message, sender, recipients

    def _headers(self, notification: Notification) -> Iterator[tuple[str, str]]:
        """Those that are templates; where it is to be brief, only those that a mail needs."""
        for name, template in self._settings.headers.items():
            if name == "Subject":
                yield name, self._templates.title(template, notification)
            elif name in _NEEDED or not notification.is_brief:
                yield name, self._templates.text(template, notification)


def _join_conversation(message: EmailMessage, notification: Notification, host: str) -> None:
    """Answer a mail that there never was: mail programs show all answers to it as one conversation.

    So nothing has to be remembered of the first one. What is told of several groups at once
    belongs to none of theirs.
    """
    name = f"{notification.receiver}\n{notification.conversation or notification.group_key}"
    root = f"<{sha256(name.encode()).hexdigest()[:32]}@{host}>"
    for header in ("In-Reply-To", "References"):
        if header not in message:
            message[header] = root
