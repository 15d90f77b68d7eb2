"""API keys: 32 random bytes, known to the node by their SHA-256 only.

A key is random and long, so a fast hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable

PREFIX = "esk_"
HASH_PREFIX = "sha256:"


def generate_key(random_bytes: Callable[[int], bytes]) -> str:
    """A new key: `esk_` and 43 characters of base64url."""
    return PREFIX + base64.urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()


def hash_key(key: str) -> str:
    """What the configuration holds of a key."""
    return HASH_PREFIX + hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """The known keys, looked up by hash. Replaced as a whole on reload."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._names = {
            bytes.fromhex(hash_.removeprefix(HASH_PREFIX)): name for name, hash_ in entries
        }

    def __len__(self) -> int:
        return len(self._names)

    def identify(self, key: bytes) -> str | None:
        """The name of a key; None where it is unknown."""
        return self._names.get(hashlib.sha256(key).digest())
