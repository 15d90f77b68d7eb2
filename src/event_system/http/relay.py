"""Requests for what another node of the cluster does, passed on to it.

Which these are is said here; where it is done, whoever composes the node says. A request is passed on
once: a node that gets one which was passed on, and cannot answer it, says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from event_system.http.app import AsgiApp, Receive, Send, tell
from event_system.http.problems import headers_of
from event_system.kernel.errors import AlertingAwayError, BodyTooLargeError, EventSystemError

LINKS: Final = "/i/"
"""How the paths of signed links begin: they need no key, and people read the answers."""
PASSED_ON: Final = (
    *(
        "/api/v2/",
        "/api/alerts",
        "/api/silences",
        "/api/incidents",
        "/api/postmortems",
        "/api/on-call",
    ),
    *("/api/notifications", "/api/reports", "/api/v1/alerts", "/api/v1/rules"),
    LINKS,
)
"""How the paths begin of what one node does for all."""
MARK: Final = b"x-event-system-forwarded"
"""The header that says for whom, by address, a request is passed on."""
MAX_BODY: Final = 64 * 1024 * 1024
_SAID: Final = frozenset(
    {
        *(b"authorization", b"x-api-key", b"content-type", b"accept", b"accept-language"),
        *(b"traceparent", b"idempotency-key", b"if-match"),
    }
)
"""The headers of a request that go along."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The node that does it, and where that is reached; empty where nobody knows."""

    node: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """A request as it is passed on. `target` is its path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Brought:
    """The answer to one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


PassOn: TypeAlias = Callable[[str, Passed], Awaitable[Brought]]
"""Asks the node at an address. Raises `AlertingAwayError` where it gives no answer in time."""
Admit: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Looks at the scope of a request: nobody unknown makes nodes ask each other.

Raises `UnauthorizedError`, and `LinkLimitError` for links.
"""


def relaying(
    app: AsgiApp,
    here: AsgiApp,
    elsewhere: Callable[[], Elsewhere | None],
    admit: Admit,
    pass_on: PassOn,
) -> AsgiApp:
    """`app`, but what is done elsewhere is asked there; what is done here, `here` answers."""

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PASSED_ON):
            await app(scope, receive, send)
            return
        there = elsewhere()
        if there is None:
            await here(scope, receive, send)
            return
        try:
            admit(scope)
            found = await pass_on(_address(scope, there), await _passed(scope, receive))
        except EventSystemError as error:
            await (_show if scope["path"].startswith(LINKS) else _tell)(scope, send, error)
        else:
            await _bring(send, found)

    return answer


async def _tell(_scope: Mapping[str, Any], send: Send, error: EventSystemError) -> None:
    await tell(send, error)


async def _show(scope: Mapping[str, Any], send: Send, error: EventSystemError) -> None:
    """Answer with a page for people."""
    from event_system.http.incident_page import HEADERS, error_page, language_of  # with jinja2

    accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    page = error_page(error.code, error.detail, language_of(accepted))
    kind = {"content-type": "text/html; charset=utf-8"}
    headers = {**headers_of(error), **HEADERS, **kind}
    await _bring(send, Brought(error.status, headers, page.encode()))


def visitor(scope: Mapping[str, Any]) -> str:
    """The address that a request comes from; "" where nobody knows."""
    client = scope.get("client")
    return client[0] if client else ""


def _address(scope: Mapping[str, Any], there: Elsewhere) -> str:
    if MARK in dict(scope["headers"]):
        raise AlertingAwayError("the node that was asked has just lost the task")
    if not there.node:
        raise AlertingAwayError("no node has the task")
    if not there.address:
        raise AlertingAwayError(f"{there.node} has the task, and no `node.address`")
    return there.address


async def _passed(scope: Mapping[str, Any], receive: Receive) -> Passed:
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"] if k in _SAID}
    headers[MARK.decode()] = visitor(scope) or "unknown"
    query = scope["query_string"].decode("latin-1")
    target = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    body = await _body(receive)
    return Passed(scope["method"], f"{target}?{query}" if query else target, headers, body)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise BodyTooLargeError(f"the body has over {MAX_BODY} bytes")
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


async def _bring(send: Send, found: Brought) -> None:
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in found.headers.items()]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": found.body})
