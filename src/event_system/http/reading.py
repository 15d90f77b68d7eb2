"""What a request to store events says: its drafts, by content type, and its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qs

from event_system.events.codec import (
    JSON,
    STRUCTURED,
    Draft,
    decode_batch,
    decode_binary,
    decode_short,
    decode_structured,
)
from event_system.events.idempotency import give_ids, parse_key
from event_system.kernel.errors import (
    BatchTooLargeError,
    EventSystemError,
    InvalidQueryError,
    PreconditionError,
    UnsupportedMediaTypeError,
)

Headers: TypeAlias = Mapping[bytes, bytes]
"""Names are in lower case."""


def read_single(headers: Headers, body: bytes) -> Draft:
    """The draft of a request that carries one event, by its content type."""
    if b"ce-specversion" in headers or b"ce-id" in headers:
        return decode_binary(headers.items(), body)
    content_type = headers.get(b"content-type")
    if content_type == b"application/json":
        return decode_short(body)
    media_type = media_type_of(headers)
    if media_type == STRUCTURED:
        return decode_structured(body)
    if media_type == JSON:
        return decode_short(body)
    raise UnsupportedMediaTypeError(f"an event cannot be {media_type or 'without a content type'}")


def read_batch(headers: Headers, body: bytes, limit: int) -> Sequence[Draft | EventSystemError]:
    """The drafts of a batch, at most `limit`, and what is wrong with those that are none."""
    if b"if-match" in headers or b"if-none-match" in headers:
        raise PreconditionError("a batch cannot have a precondition", where="If-Match")
    drafts = decode_batch(media_type_of(headers), body)
    key = headers.get(b"idempotency-key")
    if key is not None:
        give_ids(parse_key(key), drafts)
    if len(drafts) > limit:
        raise BatchTooLargeError(f"{len(drafts)} events, over {limit}")
    return drafts


def media_type_of(headers: Headers) -> str:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def partial_of(query: bytes) -> bool:
    """Whether `?partial=true`; refuses any other parameter by name."""
    parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    values = parameters.pop("partial", ["false"])
    _refuse_first(parameters)
    if len(values) > 1:
        raise InvalidQueryError("`partial` is given twice", where="partial")
    if values[-1] not in ("true", "false"):
        raise InvalidQueryError("`partial` is true or false", where="partial")
    return values[-1] == "true"


def refuse_parameters(query: bytes) -> None:
    """Raise `InvalidQueryError` where there is any parameter."""
    _refuse_first(parse_qs(query.decode("latin-1"), keep_blank_values=True))


def _refuse_first(names: Iterable[str]) -> None:
    for name in names:
        raise InvalidQueryError(f"no parameter {name[:80]!r} here", where=name[:80])
