"""Every route answers whatever fits its description, and what does not, as it is described.

Requests are made from the node's own OpenAPI document, the same ones in every run, to a node that
wants a key. `EXAMPLES` is how many a route gets of each kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from event_system.http.routing import ROUTES
from event_system.security.keys import hash_key
from tests.support.process import NodeProcess, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "listeners.py"
RECORDING = Path(__file__).parent / "listeners" / "recording.py"
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
STREAM = "streamEvents"
"""It does not end."""
OPERATIONS = sorted({str(route.operation_id) for route in ROUTES if route.operation_id} - {STREAM})
EXAMPLES = int(os.environ.get("EXAMPLES", "10"))
KEY = {"x-api-key": "esk_right"}
CONFIG = f"security: {{api_keys: [{{name: game-1, hash: '{hash_key('esk_right')}'}}]}}"
TYPE = {"schema": {"type": "object", "required": ["level"]}, "mode": "lenient"}
SCHEDULE = {"cron": "0 4 * * *", "event": {"type": "guild.tax.due"}}
LATER = {"type": "a", "id": "later", "deliver_at": "2027-11-01T00:00:00Z"}
TROUBLE = {"type": "player.level_up", "subject": "Mo", "data": {}}
"""The listener `greet` fails where there is no level."""
EXPECTED = {f"a {kind}failed: KeyError: 'level'" for kind in ("sync listener ", "listener ")}
KNOWN = {"event_id": "known", "name": "count", "subject": "Mo", "listener": "greet"}
"""Path parameters that lead somewhere, and below those of single tags and routes."""
KNOWN_OF: dict[str, dict[str, Any]] = {
    "scheduled": {"event_id": "later"},
    "schedules": {"name": "tax"},
    "types": {"name": "player.level_up", "number": 1},
    "replays": {"name": "count", "replay": 1},
    "purgeListener": {"name": "recorder"},
}

_settings = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with something of everything, a removed listener among them."""
    running = NodeProcess(tmp_path_factory.mktemp("fuzz"), CONFIG, [EXAMPLE, RECORDING])
    with running:
        running.stop()
        running.listeners = [EXAMPLE]
        running.start()
        with running.client(headers=KEY) as client:
            event = {"type": "player.level_up", "id": "known", "data": {"level": 10}}
            assert client.post("/api/events/trigger", json=event).status_code == 200
            started = client.post("/api/listeners/count/replays", json={"from": 1})
            assert started.json()["id"] == KNOWN_OF["replays"]["replay"]
        yield running


@pytest.fixture
def dead_letter(node: NodeProcess) -> int:
    """The offset of one; with it all that another test has deleted is there again."""
    with node.client(headers=KEY) as client:
        answers = [
            client.put("/api/schedules/tax", json=SCHEDULE),
            client.put("/api/types/player.level_up", json=TYPE),
            client.post("/api/events/trigger", json=LATER),
            client.post("/api/events/trigger", json=TROUBLE),
        ]
        assert {answer.status_code for answer in answers} == {200}
        offset: int = answers[-1].json()["offset"]
        path = f"/api/dead-letters/greet/{offset}"
        wait_until(lambda: client.get(path).status_code == 200)
    return offset


@pytest.fixture(scope="module")
def schema(node: NodeProcess) -> Any:
    return schemathesis.openapi.from_url(f"{node.url}/openapi.json")


def known(operation: Any, values: Mapping[str, Any], offset: int) -> dict[str, Any]:
    raw = operation.definition.raw
    of_these = [KNOWN_OF.get(each, {}) for each in (*raw["tags"], raw["operationId"])]
    found = {**KNOWN, "offset": offset, **of_these[0], **of_these[1]}
    return {name: found[name] for name in values}


@pytest.mark.parametrize(("operation_id", "mode"), list(product(OPERATIONS, GenerationMode)))
def test_what_a_route_answers_is_described(
    dead_letter: int, schema: Any, operation_id: str, mode: GenerationMode
) -> None:
    operation = schema.find_operation_by_id(operation_id)
    answered: set[int] = set()

    @_settings
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = known(operation, case.path_parameters, dead_letter)
        answer = case.call(session=session, headers=KEY, timeout=10)
        case.validate_response(answer, checks=CHECKS)
        answered.add(answer.status_code)

    with requests.Session() as session, suppress(Unsatisfiable):  # nothing of it can be wrong
        ask()

    assert 200 in answered or mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize("operation_id", [*OPERATIONS, STREAM])
def test_a_route_without_a_key_answers_as_it_is_described(schema: Any, operation_id: str) -> None:
    operation = schema.find_operation_by_id(operation_id)
    is_open = operation.definition.raw.get("security") == []
    case = operation.Case(path_parameters={n.name: "1" for n in operation.path_parameters})

    answer = case.call(timeout=10)

    case.validate_response(answer, checks=CHECKS)
    assert (answer.status_code == 401) is not is_open


@pytest.mark.parametrize("mode", GenerationMode)
def test_the_stream_begins_as_it_is_described(
    node: NodeProcess, schema: Any, mode: GenerationMode
) -> None:
    operation = schema.find_operation_by_id(STREAM)
    described = operation.definition.raw["responses"]
    answered: set[int] = set()

    @_settings
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        given = case.as_transport_kwargs(base_url=node.url)
        given["headers"] = {**dict(given["headers"]), **KEY}
        with session.request(**given, stream=True, timeout=10) as answer:
            media_type = answer.headers["content-type"].partition(";")[0]
            assert media_type in described[str(answer.status_code)]["content"]
            answered.add(answer.status_code)

    with requests.Session() as session:
        ask()

    assert 200 in answered or mode is GenerationMode.NEGATIVE


def test_the_node_is_well_after_all_that(node: NodeProcess) -> None:
    with node.client() as client:
        assert client.get("/health").json()["status"] == "ok"
    errors = {line["message"] for line in node.messages() if line["level"] == "ERROR"}
    assert errors - EXPECTED == set()
