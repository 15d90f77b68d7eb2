"""What is inferred from samples holds for every one of them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.catalogue.inference import inferred
from event_system.events.catalogue.schemas import compile_schema
from tests.unit.events.catalogue.schemas import DOCUMENTS

TEXTS = st.one_of(
    st.text(max_size=3),
    st.sampled_from(["2026-11-21T12:00:00Z", "2026-11-21T12:00:00.5+01:00"]),
    st.uuids().map(str),
)
SAMPLES = st.lists(
    st.one_of(
        DOCUMENTS,
        TEXTS,
        st.floats(),
        st.dictionaries(st.text(max_size=2), TEXTS, max_size=4),
        st.integers(),
    ),
    max_size=12,
)


@given(SAMPLES)
def test_every_sample_fits_the_schema(samples: list[Any]) -> None:
    schema = compile_schema(msgspec.json.encode(inferred(samples)))

    assert [sample for sample in samples if not schema.fits(sample)] == []


@given(SAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_samples_changes_nothing(samples: list[Any], chance: Any) -> None:
    shuffled = list(samples)
    chance.shuffle(shuffled)

    assert msgspec.json.encode(inferred(shuffled)) == msgspec.json.encode(inferred(samples))


def test_what_all_samples_share_is_told() -> None:
    samples = [
        {
            "id": f"6f1c1c1e-0000-4000-8000-{n:012}",
            "at": f"2026-11-21T12:00:{n % 60:02}Z",
            "class": ["mage", "rogue"][n % 2],
            "level": n,
            "share": n / 2,
            "tags": ["a", "b"],
            **({"guild": None if n % 3 else "g"} if n % 5 else {}),
        }
        for n in range(60)
    ]

    assert inferred(samples) == {
        "type": "object",
        "required": ["at", "class", "id", "level", "share", "tags"],
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "class": {"type": "string", "enum": ["mage", "rogue"]},
            "guild": {"type": ["null", "string"]},
            "id": {"type": "string", "format": "uuid"},
            "level": {"type": "integer"},
            "share": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        },
    }


def test_few_samples_make_no_enumeration() -> None:
    assert inferred(["a", "b"] * 10) == {"type": "string"}


def test_nothing_is_said_without_samples() -> None:
    assert inferred([]) == {}


def test_an_object_of_many_names_is_taken_for_a_map() -> None:
    assert inferred([{f"player-{n}": 1} for n in range(200)]) == {"type": "object"}
