"""A mail server on loopback, with what it needs to speak TLS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class Mailbox:
    """What came in.

    `refused` are recipients that are not taken, `put_off` not yet; `users` may log in.
    """

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    users: dict[bytes, bytes] = field(default_factory=dict)
    answer: str = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        if address in self.put_off:
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            found = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            self.messages.append(found)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_right = self.users.get(data.login) == data.password
        return AuthResult(success=is_right, handled=False)

    def texts(self) -> list[tuple[str, str, str, str]]:
        """From, To, Subject and the plain text of each."""
        return [
            (str(m["From"]), str(m["To"]), str(m["Subject"]), self.part(m, "plain"))
            for m in self.messages
        ]

    @staticmethod
    def part(message: EmailMessage, kind: str) -> str:
        body = message.get_body((kind,))
        return "" if body is None else str(body.get_content()).strip()


@dataclass
class MailServer:
    """Its port."""

    port: int


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, **options: Any
) -> Iterator[tuple[MailServer, Mailbox]]:
    """A server on a free port; with a context it offers STARTTLS, and `users` may log in."""
    box = Mailbox(**options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def protocol() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            tls_context=context,
            authenticator=box.authenticate,
            auth_required=bool(box.users),
            auth_require_tls=bool(context),
            loop=loop,
        )

    listening = loop.create_server(protocol, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result(60)
    try:
        yield MailServer(server.sockets[0].getsockname()[1]), box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
