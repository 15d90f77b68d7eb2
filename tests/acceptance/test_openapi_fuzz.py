"""Every route answers whatever fits its description, and what does not, as it is described.

Requests are made from the node's own OpenAPI document, the same ones in every run. The live
stream, which does not end, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from tests.support.process import NodeProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "listeners.py"
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
ENDLESS = {"streamEvents"}
OPERATIONS = sorted({str(route.operation_id) for route in ROUTES if route.operation_id} - ENDLESS)
EXAMPLES = 25
KNOWN = {"event_id": "known", "name": "count"}
"""Path parameters that lead somewhere."""

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
    with NodeProcess(tmp_path_factory.mktemp("fuzz"), listeners=[EXAMPLE]) as running:
        event = {"type": "player.level_up", "id": "known", "subject": "Mo", "data": {"level": 10}}
        with running.client() as client:
            assert client.post("/api/events/trigger", json=event).status_code == 200
        yield running


@pytest.fixture(scope="module")
def schema(node: NodeProcess) -> Any:
    return schemathesis.openapi.from_url(f"{node.url}/openapi.json")


@pytest.mark.parametrize(("operation_id", "mode"), list(product(OPERATIONS, GenerationMode)))
def test_what_a_route_answers_is_described(
    schema: Any, operation_id: str, mode: GenerationMode
) -> None:
    operation = schema.find_operation_by_id(operation_id)
    answered: set[int] = set()

    @_settings
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {
                name: KNOWN.get(name, value) for name, value in case.path_parameters.items()
            }
        answer = case.call(session=session, timeout=10)
        case.validate_response(answer, checks=CHECKS)
        answered.add(answer.status_code)

    with requests.Session() as session, suppress(Unsatisfiable):  # nothing of it can be wrong
        ask()

    assert answered or mode is GenerationMode.NEGATIVE


def test_the_node_is_well_after_all_that(node: NodeProcess) -> None:
    with node.client() as client:
        assert client.get("/health").json()["status"] == "ok"
    assert [line for line in node.messages() if line["level"] == "ERROR"] == []
