from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from event_system.client.drafts import NO_DATA, EventMembers, draft
from event_system.events.codec import CloudEventDraft, decode_short
from event_system.kernel.errors import InvalidEventError

DEFAULTS: EventMembers = {"id": "made", "source": "shop"}


def made(data: Any = NO_DATA, **members: Any) -> Any:
    return json.loads(draft("a.b", data, members, DEFAULTS).body)  # type: ignore[arg-type]


def test_an_event_is_sent_in_the_short_form() -> None:
    assert made({"n": 1}, subject="s") == {
        "type": "a.b",
        "source": "shop",
        "subject": "s",
        "id": "made",
        "data": {"n": 1},
    }


def test_no_data_and_null_are_two_things() -> None:
    assert "data" not in made()
    assert made(None)["data"] is None


def test_what_is_given_goes_before_the_defaults() -> None:
    event = draft("a", NO_DATA, {"id": "x", "source": "y"}, DEFAULTS)

    assert event.id == "x"
    assert json.loads(event.body) == {"type": "a", "source": "y", "id": "x"}


def test_a_datetime_becomes_rfc_3339() -> None:
    assert made(time=datetime(2026, 11, 21, tzinfo=UTC))["time"] == "2026-11-21T00:00:00Z"


def test_bytes_and_extensions_make_a_cloudevent_that_the_node_reads() -> None:
    members: EventMembers = {
        "datacontenttype": "image/png",
        "dataschema": "https://example.com/s",
        "extensions": {"region": "eu", "count": 3, "beta": True},
    }

    read = decode_short(draft("a.b", b"\x89PNG", members, DEFAULTS).body)

    assert isinstance(read, CloudEventDraft)
    assert (read.content, read.media_type) == (b"\x89PNG", "image/png")
    assert read.extensions == {
        "region": "eu",
        "count": 3,
        "beta": True,
        "dataschema": "https://example.com/s",
    }


def test_a_cloudevent_without_source_is_refused_here() -> None:
    with pytest.raises(InvalidEventError) as refused:
        draft("a", b"x", {}, {"id": "made"})
    assert refused.value.where == "$.source"


def test_an_extension_does_not_pass_for_an_attribute() -> None:
    with pytest.raises(InvalidEventError, match=r"\$\.id|attribute"):
        made(extensions={"id": "other"})


@pytest.mark.parametrize("data", [object(), {1j: 2}, "\ud800"])
def test_data_that_json_cannot_say_is_refused_here(data: Any) -> None:
    with pytest.raises(InvalidEventError):
        made(data)


def test_an_event_is_one_line_whatever_its_data() -> None:
    body = draft("a", msgspec.Raw(b'{\n"a": "x\\ny"}'), {}, DEFAULTS).body

    assert b"\n" not in body
    assert json.loads(body)["data"] == {"a": "x\ny"}
