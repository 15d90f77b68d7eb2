"""What a route answers, in the words of OpenAPI: its success, and every error by its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, Operation

from event_system.http.openapi.examples import LINES, STREAM, shown
from event_system.http.problems import MEDIA_TYPE, Problem, problem
from event_system.kernel.errors import (
    EventSystemError,
    InvalidQueryError,
    SlowQueryError,
    StoppingError,
    StorageError,
    UnauthorizedError,
)

_EVENT_STREAM = "text/event-stream"
_LINES = "application/x-ndjson"
UNREADABLE = (SlowQueryError, StorageError, StoppingError)
"""What may become of every look into the log."""


@dataclass
class OpenOperation(Operation):
    """An operation that needs no key."""

    def __post_init__(self) -> None:
        self.security = []


def answers(
    shape: type[Any],
    example: Any,
    *errors: type[EventSystemError],
    also: Mapping[int, str] | None = None,
    keyed: bool = True,
) -> dict[int, ResponseSpec]:
    """The answers of a route: 200 in this shape, each error as a problem.

    `also` are other statuses that answer in the same shape, with what they mean. `keyed`
    says that the route needs a key where keys are configured.
    """
    good = {200: "Done.", **(also or {})}
    return problems(*errors, keyed=keyed) | {
        status: _spec(shape, meaning, [shown("answer", meaning.rstrip("."), example)])
        for status, meaning in good.items()
    }


def stream_answers(*errors: type[EventSystemError]) -> dict[int, ResponseSpec]:
    """The answers of the live stream."""
    example = shown("answer", "two events and a gap", STREAM)
    stream = _spec(str, "Events as they are stored.", [example], _EVENT_STREAM)
    return problems(*errors) | {200: stream}


def line_answers(*errors: type[EventSystemError]) -> dict[int, ResponseSpec]:
    """The answers of an export."""
    example = shown("answer", "two events", LINES)
    lines = _spec(str, "One event a line.", [example], _LINES)
    return problems(*errors) | {200: lines}


def text_answers(
    meaning: str, media_type: str, example: str, *errors: type[EventSystemError]
) -> dict[int, ResponseSpec]:
    """The answers of a route whose success is text of its own kind."""
    text = _spec(str, meaning, [shown("answer", meaning.rstrip("."), example)], media_type)
    return problems(*errors) | {200: text}


def page_answers(
    shape: type[Any], meaning: str, media_type: str, *errors: type[EventSystemError]
) -> dict[int, ResponseSpec]:
    """The answers of a page, which anybody may read."""
    return problems(*errors, keyed=False) | {200: _spec(shape, meaning, [], media_type)}


def problems(*errors: type[EventSystemError], keyed: bool = True) -> dict[int, ResponseSpec]:
    """One answer a status; where several errors share it, each has an example."""
    every = {*errors, EventSystemError, *([UnauthorizedError, InvalidQueryError] if keyed else [])}
    ordered = sorted(every, key=attrgetter("status", "code"))
    return {
        status: _problem_spec(list(group))
        for status, group in groupby(ordered, key=attrgetter("status"))
    }


def _problem_spec(errors: list[type[EventSystemError]]) -> ResponseSpec:
    meaning = " ".join(f"`{error.code}`: {error.title}." for error in errors)
    examples = [shown(error.code, error.title, problem(error())) for error in errors]
    return _spec(Problem, meaning, examples, MEDIA_TYPE)


def _spec(
    shape: type[Any],
    meaning: str,
    examples: list[Example],
    media_type: str = "application/json",
) -> ResponseSpec:
    return ResponseSpec(
        data_container=shape,
        generate_examples=False,
        description=meaning,
        media_type=media_type,
        examples=examples or None,
    )
