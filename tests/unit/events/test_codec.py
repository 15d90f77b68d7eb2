"""Drafts read from bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.codec import (
    BATCH,
    JSON,
    CloudEventDraft,
    Draft,
    decode_batch,
    decode_binary,
    decode_short,
    decode_structured,
)
from event_system.kernel.errors import (
    InvalidEventError,
    MalformedBodyError,
    UnsupportedMediaTypeError,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_data_is_kept_as_it_came(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        data.decode()
    except UnicodeDecodeError:
        with pytest.raises(MalformedBodyError):
            decode_short(b'{"type":"a","data":' + data + b"}")
        return
    assert decode_short(b'{"type":"a","data":' + data + b"}").body == data


def test_data_may_be_absent() -> None:
    assert decode_short(b'{"type":"a"}').body is None


def test_a_null_is_data() -> None:
    assert decode_short(b'{"type":"a","data":null}').body == b"null"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"type":1}', "$.type"),
        (b'{"data":1}', "$"),
        (b'{"type":"a","id":""}', "$.id"),
        (b'{"type":"a","subject":7}', "$.subject"),
        (b'{"type":"a","time":"yesterday"}', "$.time"),
        (b'{"type":"a","time":"2026-11-21T12:00:00"}', "$.time"),
        (b'{"type":"a","sujbect":"p"}', "$"),
        (b"[1]", "$"),
        (b'{"type":"a","id":"%s"}' % (b"x" * 301), "$.id"),
    ],
)
def test_a_wrong_member_is_named(body: bytes, where: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_short(body)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"type":"a"}}',
        b'{"type":"\xff"}',
        b'{"type":"a","data":"\xff"}',
        b'{"type":"a","data":NaN}',
        b'{"type":"a","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        decode_short(body)


def test_structured_mode_keeps_extensions_and_data() -> None:
    draft = decode_structured(
        b'{"specversion":"1.0","type":"a","id":"1","source":"s","region":"eu","data":{"x": 1}}'
    )
    assert draft.extensions == {"region": "eu"}
    assert draft.body == b'{"x": 1}'
    assert draft.media_type is None


def test_structured_mode_reads_base64() -> None:
    draft = decode_structured(
        b'{"specversion":"1.0","type":"a","id":"1","source":"s",'
        b'"datacontenttype":"image/png","data_base64":"AAEC"}'
    )
    assert draft.body == b"\x00\x01\x02"


def test_structured_mode_reads_base64_of_json_as_json() -> None:
    draft = decode_structured(
        b'{"specversion":"1.0","type":"a","id":"1","source":"s","data_base64":"eyJ4IjoxfQ=="}'
    )
    assert draft.body == b'{"x":1}'


@pytest.mark.parametrize(
    ("members", "where"),
    [
        (b'"data_base64":"/Q=="', "$.data_base64"),
        (b'"data_base64":"eyJh"', "$.data_base64"),
        (b'"data_base64":""', "$.data_base64"),
        (b'"data_base64":"/Q==","datacontenttype":null', "$.data_base64"),
        (b'"data_base64":"/Q==","datacontenttype":"x/y+json; a=b"', "$.data_base64"),
        (b'"data":1,"datacontenttype":7', "$.datacontenttype"),
    ],
)
def test_what_would_break_the_json_of_a_page_is_refused(members: bytes, where: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_structured(
            b'{"specversion":"1.0","type":"a","id":"1","source":"s",' + members + b"}"
        )
    assert caught.value.where == where


def test_a_data_type_of_null_is_json() -> None:
    draft = decode_structured(
        b'{"specversion":"1.0","type":"a","id":"1","source":"s","datacontenttype":null,"data":"x"}'
    )
    assert draft.body == b'"x"'


@pytest.mark.parametrize(
    "member",
    [
        b'"specversion":"0.3"',
        b'"specversion":"1.0","data":1,"data_base64":"AA=="',
        b'"specversion":"1.0","data_base64":"A"',
        b'"specversion":"1.0","data_base64":7',
        b'"specversion":"1.0","Bad":"x"',
        b'"specversion":"1.0","deep":{"a":1}',
        b'"specversion":"1.0","datacontenttype":"text/\\u0000plain","data":"x"',
        b'"specversion":"1.0","datacontenttype":"text/plain\\n","data":"x"',
        b'"specversion":"1.0","datacontenttype":"%s","data":"x"' % (b"t" * 1025),
    ],
)
def test_a_faulty_cloudevent_is_refused(member: bytes) -> None:
    with pytest.raises(InvalidEventError):
        decode_structured(b'{"type":"a","id":"1","source":"s",' + member + b"}")


def test_a_structured_event_needs_id_and_source() -> None:
    with pytest.raises(InvalidEventError):
        decode_structured(b'{"specversion":"1.0","type":"a"}')


def test_binary_mode_takes_attributes_from_headers() -> None:
    headers = [
        (b"ce-specversion", b"1.0"),
        (b"ce-type", b"player.login"),
        (b"ce-id", b"1"),
        (b"ce-source", b"%E7%8E%A9%E5%AE%B6"),
        (b"ce-region", b"eu"),
        (b"content-type", b"text/plain"),
        (b"host", b"x"),
    ]
    draft = decode_binary(headers, b"hello")
    assert (draft.type, draft.source, draft.body) == ("player.login", "玩家", b"hello")
    assert draft.media_type == "text/plain"
    assert draft.extensions == {"region": "eu"}


def test_binary_mode_checks_json_data() -> None:
    headers = [(b"ce-specversion", b"1.0"), (b"ce-type", b"a"), (b"ce-id", b"1")]
    with pytest.raises(MalformedBodyError):
        decode_binary([*headers, (b"ce-source", b"s")], b"{")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, b'[{"type":"a"},{"type":"b"}]'),
        ("application/x-ndjson", b'{"type":"a"}\n\n{"type":"b"}\n'),
        (
            BATCH,
            (
                b'[{"specversion":"1.0","type":"a","id":"1","source":"s"},'
                b'{"specversion":"1.0","type":"b","id":"2","source":"s"}]'
            ),
        ),
    ],
)
def test_every_form_of_batch_is_read(media_type: str, body: bytes) -> None:
    drafts = decode_batch(media_type, body)
    assert [d.type for d in drafts if isinstance(d, Draft)] == ["a", "b"]


def test_a_fault_stands_in_the_place_of_its_event() -> None:
    drafts = decode_batch(JSON, b'[{"type":"a"},{"typ":"b"},{"type":"c"}]')
    assert [isinstance(draft, Draft) for draft in drafts] == [True, False, True]


def test_a_batch_may_mix_both_forms() -> None:
    body = b'[{"type":"a"},{"specversion":"1.0","type":"b","id":"2","source":"s"}]'
    assert [type(draft) for draft in decode_batch(JSON, body)] == [Draft, CloudEventDraft]


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[1", b"\xff"])
def test_a_batch_that_is_no_array_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        decode_batch(JSON, body)


def test_a_batch_of_another_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        decode_batch("text/plain", b"[]")
