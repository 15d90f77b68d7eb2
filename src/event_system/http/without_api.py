"""What answers on a node without the role `api`: its health, and a problem for all else."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from event_system.http.app import AsgiApp, Receive, Send, tell
from event_system.kernel.errors import ApiElsewhereError

ANSWERED: Final = ("/health", "/health/live", "/health/ready")


def without_api(app: AsgiApp) -> AsgiApp:
    """The application, as far as such a node opens it."""

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in ANSWERED:
            await tell(send, ApiElsewhereError(where=scope["path"][:200]))
        else:
            await app(scope, receive, send)

    return answer
