"""What a node answers, as values, and its problem answers as the errors that they are."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import httpx
import msgspec

from event_system.kernel.errors import (
    EventSystemError,
    InvalidBatchError,
    RefusedError,
    ServerUnreachableError,
    every_error,
)

T = TypeVar("T")


class ListenerResult(msgspec.Struct, frozen=True):
    """What a sync listener said; `error` is there where it failed."""

    listener: str
    ms: float = 0.0
    result: Any = None
    error: str | None = None
    stopped: bool = False


class Receipt(msgspec.Struct, frozen=True):
    """Where an event is. `duplicate`: it was stored before, and `offset` is the first one."""

    id: str
    offset: int
    duplicate: bool = False
    results: tuple[ListenerResult, ...] = ()


class Fault(msgspec.Struct, frozen=True):
    """Why the event at `index` of a batch was not stored; `where` names the member."""

    index: int
    code: str
    detail: str
    where: str | None = None


class BatchReceipt(msgspec.Struct, frozen=True):
    """Where the events of a batch are, in its order without those of `faults`."""

    accepted: int
    duplicates: int
    events: tuple[Receipt, ...]
    faults: tuple[Fault, ...] = ()


class _Problem(msgspec.Struct, frozen=True):
    code: str
    detail: str = ""
    where: str | None = None
    faults: tuple[Fault, ...] = ()


def read(answer: httpx.Response, shape: type[T]) -> T:
    """The answer's body in its shape. Raises `ServerUnreachableError` where it is another."""
    try:
        return decoded(answer.content, shape)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise foreign(answer, "what answers is no node of event-system") from error


def decoded(text: bytes | str, shape: type[T]) -> T:
    """JSON in its shape; numbers beyond a float, which data may hold, are infinite.

    Raises `msgspec.DecodeError` and `ValueError`.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(text), shape)


def foreign(answer: httpx.Response, why: str) -> ServerUnreachableError:
    """The error for an answer that no node gives."""
    url = str(answer.request.url.copy_with(query=None))
    return ServerUnreachableError(f"{url}: {why}", where=url)


def error_of(answer: httpx.Response) -> EventSystemError:
    """The error that a problem answer tells; a foreign answer is told by its status."""
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return foreign(answer, f"answers {answer.status_code}")
    if problem.code == InvalidBatchError.code:
        return InvalidBatchError(problem.detail, faults=problem.faults)
    return error_for(problem.code, problem.detail, problem.where)


def error_for(code: str, detail: str, where: str | None = None) -> EventSystemError:
    """The error of a code; `RefusedError` where this version does not know the code."""
    told = f"{detail} ({where})" if where and where not in detail else detail
    for class_ in every_error():
        if class_.code == code:
            return class_(told, where=where)
    return RefusedError(f"{code}: {told}", where=where)
