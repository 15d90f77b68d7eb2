from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from event_system.alerting.fingerprints import fingerprint, fingerprints

texts = st.text(max_size=5) | st.text().map(lambda text: 80 * text)
sets = st.dictionaries(st.text(max_size=5), texts)


def fnv(labels: dict[str, str]) -> str:
    found = 14695981039346656037
    for text in (text for pair in sorted(labels.items()) if pair[1] for text in pair):
        for byte in (*text.encode("utf-8", "replace"), 0xFF):
            found = (found ^ byte) * 1099511628211 % 2**64
    return f"{found:016x}"


def test_they_are_those_of_prometheus() -> None:
    """As a real Alertmanager showed them."""
    assert fingerprint({"alertname": "y"}) == "d23eefc3896b6f8f"
    labels = {"team": "a", "alertname": "x", "severity": "critical"}
    assert fingerprint(labels) == "34df103164c4e7ba"


@given(sets)
def test_they_are_fnv_of_names_and_values(labels: dict[str, str]) -> None:
    assert fingerprint(labels) == fnv(labels)


@given(st.lists(sets, max_size=30))
@example([{"a": "b" * 100 * n} for n in range(30)])
@example([{}] * 30)
def test_those_of_many_are_those_of_each(many: list[dict[str, str]]) -> None:
    assert fingerprints(many) == list(map(fnv, many))


def test_what_is_empty_is_no_label() -> None:
    assert fingerprint({"a": "b", "c": ""}) == fingerprint({"a": "b"})
