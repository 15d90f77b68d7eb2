"""Who sends a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from event_system.kernel.errors import UnauthorizedError
from event_system.security.keys import KeyRing

ANONYMOUS: Final = "anonymous"


class Authenticator:
    """Who sends a request, by its API key. Without keys everybody is `anonymous`."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._known: dict[bytes, str] = {}  # headers that were right before; one a key

    def replace(self, keys: KeyRing) -> None:
        """From now on only these keys count."""
        self._keys = keys
        self._known = {}

    def identify(self, headers: Mapping[bytes, bytes]) -> str:
        authorization = headers.get(b"authorization")
        if authorization is not None and (known := self._known.get(authorization)) is not None:
            return known
        return self._look_up(headers, authorization)

    def _look_up(self, headers: Mapping[bytes, bytes], authorization: bytes | None) -> str:
        if not self._keys:
            return ANONYMOUS
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            name = self._keys.identify(authorization[7:])
            if name is not None and authorization[:7] == b"Bearer ":
                self._known[authorization] = name
        else:
            name = self._keys.identify(headers.get(b"x-api-key", b""))
        if name is None:
            raise UnauthorizedError
        return name
