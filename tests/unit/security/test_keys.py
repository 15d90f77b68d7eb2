"""API keys."""

from hypothesis import given
from hypothesis import strategies as st

from event_system.security.keys import KeyRing, generate_key, hash_key


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_a_key_is_known_by_its_hash_and_another_is_not(secret: bytes, other: bytes) -> None:
    key = generate_key(lambda size: secret)
    ring = KeyRing([("game", hash_key(key))])
    assert ring.identify(key.encode()) == "game"
    assert ring.identify(other) is None or other == key.encode()


def test_a_key_has_its_form() -> None:
    key = generate_key(bytes)
    assert key.startswith("esk_")
    assert len(key) == 47
    assert len(KeyRing([])) == 0
