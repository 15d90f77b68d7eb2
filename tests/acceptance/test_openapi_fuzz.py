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
from uuid import uuid4

import httpx
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
from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

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
CONFIG = f"""
security: {{api_keys: [{{name: game-1, hash: '{hash_key("esk_right")}'}}]}}
rum: {{enabled: true, rate_per_address: 100000}}
on_call:
  people: {{mo: {{email: mo@example.com}}}}
  schedules:
    primary: {{layers: [{{name: all, people: [mo], turn: weekly, start: 2026-01-05}}]}}
"""
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
    "incidents": {"number": 1, "month": "2026-10"},
    "on-call": {"name": "primary", "file": "primary.ics"},
    "getPersonFeed": {"file": "mo.ics"},
    "purgeListener": {"name": "recorder"},
}

RESOLVED = ("reopenIncident", "closeIncident", "startPostmortem")
ACKNOWLEDGED = ("analyseIncident", "mitigateIncident")
UNGUESSED = (
    *("mergeIncident", "splitIncident", "addOverride", "changeOverride", "importOverrides"),
)
"""Their bodies name another incident, an alert, a person, or a schedule."""
STANDS_IN = {
    "schedule": "primary",
    "person": "mo",
    "start": "2030-01-01T00:00:00Z",
    "end": "2030-01-02T00:00:00Z",
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
def places(node: NodeProcess, incident: str) -> dict[str, Any]:
    """What paths name; all that another test has changed is as it was."""
    with node.client(headers=KEY) as client:
        client.delete("/api/types/player.level_up")  # its versions bind the next one
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
    return {"offset": offset, "id": incident, "override": incident}


@pytest.fixture
def incident(node: NodeProcess, operation_id: str) -> str:
    """One in the state that the route is for, or an override; "" where it is for neither."""
    if not operation_id.endswith(("Incident", "Override")) and "Postmortem" not in operation_id:
        return ""
    name = uuid4().hex
    labels = {"alertname": name, "service": name, "level": "P1"}
    with node.client(headers=KEY) as client:
        if operation_id.endswith("Override"):
            made = client.post("/api/on-call/overrides", json=STANDS_IN)
            return str(made.json()["id"])
        assert client.post("/api/v2/alerts", json=[{"labels": labels}]).status_code == 200
        wait_until(lambda: _of_service(client, name))
        (id_,) = _of_service(client, name)
        if operation_id in ACKNOWLEDGED:
            assert client.post(f"/api/incidents/{id_}/acknowledge").status_code == 200
        if operation_id in RESOLVED or "Postmortem" in operation_id:
            assert client.post(f"/api/incidents/{id_}/resolve").status_code == 200
        if "Postmortem" in operation_id and operation_id != "startPostmortem":
            path = f"/api/postmortems/{id_}"
            assert client.post(path).status_code == 200
            assert client.post(f"{path}/items", json={"text": "Grow"}).status_code == 200
    return str(id_)


def _of_service(client: httpx.Client, name: str) -> list[str]:
    found = client.get("/api/incidents", params={"service": name}).json()["incidents"]
    return [each["id"] for each in found]


@pytest.fixture(scope="module")
def schema(node: NodeProcess) -> Any:
    return schemathesis.openapi.from_url(f"{node.url}/openapi.json")


def known(operation: Any, values: Mapping[str, Any], places: Mapping[str, Any]) -> dict[str, Any]:
    raw = operation.definition.raw
    of_these = [KNOWN_OF.get(each, {}) for each in (*raw["tags"], raw["operationId"])]
    found = {**KNOWN, **places, **of_these[0], **of_these[1]}
    return {name: found[name] for name in values}


@pytest.mark.parametrize(("operation_id", "mode"), list(product(OPERATIONS, GenerationMode)))
def test_what_a_route_answers_is_described(
    places: dict[str, Any], schema: Any, operation_id: str, mode: GenerationMode
) -> None:
    operation = schema.find_operation_by_id(operation_id)
    answered: set[int] = set()

    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = known(operation, case.path_parameters, places)
        answer = case.call(session=session, headers=KEY, timeout=PATIENCE_SECONDS)
        case.validate_response(answer, checks=CHECKS)
        answered.add(answer.status_code)

    is_guessed = mode is GenerationMode.POSITIVE and operation_id not in UNGUESSED
    with requests.Session() as session, suppress(Unsatisfiable):  # nothing of it can be wrong
        for examples in (EXAMPLES, 10 * EXAMPLES):
            if 200 not in answered:
                cases = given(case=operation.as_strategy(generation_mode=mode))
                settings(_settings, max_examples=examples)(cases(ask))()
            if not is_guessed:
                break

    assert 200 in answered or not is_guessed


@pytest.mark.parametrize("operation_id", [*OPERATIONS, STREAM])
def test_a_route_without_a_key_answers_as_it_is_described(schema: Any, operation_id: str) -> None:
    operation = schema.find_operation_by_id(operation_id)
    is_open = operation.definition.raw.get("security") == []
    case = operation.Case(path_parameters={n.name: "1" for n in operation.path_parameters})

    answer = case.call(timeout=PATIENCE_SECONDS)

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
        with session.request(**given, stream=True, timeout=PATIENCE_SECONDS) as answer:
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
