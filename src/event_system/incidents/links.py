"""Links that act without a login: signed, for one person, one action, one incident and one time.

HMAC-SHA-256 (RFC 2104), cut to 128 bits. The same page makes the same link each time that it is
tried, so that a link is used once whichever copy of the message it was in.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from event_system.kernel.errors import InvalidLinkError

LinkAction: TypeAlias = Literal["acknowledge", "resolve", "snooze"]

LINK_ACTIONS: Final[tuple[LinkAction, ...]] = get_args(LinkAction)
PATH: Final = "/i/"
KEY_BYTES: Final = 32
LIFETIME_US: Final = 86_400_000_000
SNOOZE_SECONDS: Final = 3_600
MAX_TOKEN: Final = 600
_SIGNATURE_BYTES: Final = 16
_NONCE_BYTES: Final = 9


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a link allows. `ends` is in seconds since 1970."""

    incident: str
    who: str
    action: LinkAction
    ends: int
    nonce: str

    @property
    def ends_us(self) -> int:
        return self.ends * 1_000_000


class Links:
    """Makes and reads links. `base_url` is where people reach the node."""

    def __init__(self, key: bytes, base_url: str, lifetime_us: int = LIFETIME_US) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._lifetime_us = lifetime_us

    def of_page(
        self, incident: str, who: str, page: str, made_us: int, actions: Sequence[LinkAction]
    ) -> dict[str, str]:
        """Links for a page, by action."""
        ends = (made_us + self._lifetime_us) // 1_000_000
        found = {}
        for action in actions:
            digest = hashlib.sha256(f"{page}/{incident}/{action}".encode()).digest()
            nonce = urlsafe_b64encode(digest[:_NONCE_BYTES]).decode()
            token = self._signed(Grant(incident, who, action, ends, nonce))
            found[str(action)] = f"{self._base_url}{PATH}{token}"
        return found

    def _signed(self, grant: Grant) -> str:
        payload = msgspec.msgpack.encode(grant)
        return urlsafe_b64encode(self._signature(payload) + payload).decode().rstrip("=")

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]

    def read(self, token: str, now_us: int) -> Grant:
        """What a link allows. Raises `InvalidLinkError` where it is not ours, or over."""
        raw = _raw(token)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            raise InvalidLinkError("this link was not made here, or was changed on its way")
        grant = msgspec.msgpack.decode(payload, type=Grant)
        if grant.ends_us < now_us:
            raise InvalidLinkError("this link is over")
        return grant


def _raw(token: str) -> bytes:
    if len(token) > MAX_TOKEN:
        return b""
    try:
        return urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, UnicodeEncodeError):
        return b""
