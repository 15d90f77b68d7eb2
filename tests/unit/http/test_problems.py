from __future__ import annotations

import json

import pytest

from event_system.http.errors_doc import all_errors, errors_markdown
from event_system.http.problems import Problem, problem, problem_body, problem_headers, trace_id_of
from event_system.kernel import errors as tree
from event_system.kernel.errors import EventSystemError, InvalidBatchError, UnauthorizedError


def _classes() -> list[type[EventSystemError]]:
    found = [value for value in vars(tree).values() if isinstance(value, type)]
    return [each for each in found if issubclass(each, EventSystemError)]


@pytest.mark.parametrize("error", _classes(), ids=lambda error: error.__name__)
def test_every_error_is_a_whole_problem(error: type[EventSystemError]) -> None:
    found = json.loads(problem_body(error("what happened", where="here")))

    assert found == {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": "what happened",
        "code": error.code,
        "remedy": error.remedy,
        "where": "here",
    }
    assert 400 <= error.status < 600


def test_codes_are_unique() -> None:
    codes = [error.code for error in _classes()]

    assert len(codes) == len(set(codes))


def test_the_documentation_has_every_error() -> None:
    assert set(all_errors()) == set(_classes())
    headings = [line for line in errors_markdown().splitlines() if line.startswith("## ")]
    assert headings == [f"## {code}" for code in sorted(error.code for error in _classes())]


def test_a_detail_left_out_is_the_title() -> None:
    assert problem(UnauthorizedError()).detail == UnauthorizedError.title


def test_what_does_not_apply_is_left_out() -> None:
    found = json.loads(problem_body(EventSystemError()))

    assert not {"where", "faults", "instance", "traceId"} & set(found)


def test_faults_instance_and_trace_are_told() -> None:
    fault = {"index": 3, "code": "event.invalid", "detail": "no"}
    body = problem_body(
        InvalidBatchError(), faults=[fault], instance="/api/events/batch", trace_id="a" * 32
    )

    found = json.loads(body)
    assert found["faults"] == [fault]
    assert (found["instance"], found["traceId"]) == ("/api/events/batch", "a" * 32)


def test_statuses_bring_their_headers() -> None:
    assert "www-authenticate" in problem_headers(401)
    assert problem_headers(413)["connection"] == "close"
    assert problem_headers(503)["retry-after"] == "2"
    assert problem_headers(404) == {"cache-control": "no-store"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", "a" * 32),
        (f"00-{'A' * 32}-{'b' * 16}-01", None),
        ("rubbish", None),
        ("\xff", None),
        ("", None),
    ],
)
def test_the_trace_id_is_that_of_a_well_formed_traceparent(
    value: str, expected: str | None
) -> None:
    assert trace_id_of({b"traceparent": value.encode("latin-1")}) == expected


def test_problem_members_have_their_standard_names() -> None:
    assert Problem.__struct_encode_fields__[:5] == ("type", "title", "status", "detail", "code")
