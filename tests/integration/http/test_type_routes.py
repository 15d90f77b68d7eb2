"""The catalogue over HTTP, and what it does to events."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from event_system.events.catalogue.changes import declared
from event_system.http.openapi.type_examples import NEW_TYPE, NEW_VERSION, SCHEMA
from tests.support.site import Site, serving

LEVEL_UP = "/api/types/player.level_up"


async def _trigger(client: httpx.AsyncClient, data: Any, **members: Any) -> httpx.Response:
    event = {"type": "player.level_up", "data": data, **members}
    return await client.post("/api/events/trigger", json=event)


async def test_a_type_is_in_force_once_its_put_has_answered(client: httpx.AsyncClient) -> None:
    assert (await _trigger(client, {"level": 0})).status_code == 200

    put = await client.put(LEVEL_UP, json=NEW_TYPE)
    refused = await _trigger(client, {"level": 0})

    assert put.status_code == 200
    assert put.headers["etag"] == '"1"'
    assert put.json() == (await client.get(LEVEL_UP)).json()
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (400, "event.schema_mismatch")
    assert problem["where"] == "$.data.level"
    assert problem["faults"] == [
        {
            "where": "$.data.level",
            "detail": "0 is less than the minimum of 1",
            "keyword": "#/properties/level/minimum",
        }
    ]
    assert (await _trigger(client, {"level": 1})).status_code == 200


async def test_the_fast_way_refuses_the_same() -> None:
    async with serving(Site(fast=True)) as site, site.client() as client:
        await client.put(LEVEL_UP, json=NEW_TYPE)

        answers = [(await _trigger(client, {"level": n})).status_code for n in (0, 1)]

    assert answers == [400, 200]


async def test_a_batch_tells_the_faults_by_index(client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)
    await client.put("/api/types/player.gone", json={"enabled": False})
    events = [
        {"type": "player.level_up", "data": {"level": 1}},
        {"type": "player.level_up", "data": {"level": 0}},
        {"type": "player.gone"},
    ]

    whole = await client.post("/api/events/batch", json=events)
    partly = await client.post("/api/events/batch?partial=true", json=events)

    assert (whole.status_code, whole.json()["code"]) == (400, "batch.invalid")
    assert [(fault["index"], fault["code"]) for fault in partly.json()["faults"]] == [
        (1, "event.schema_mismatch"),
        (2, "event.type_disabled"),
    ]
    assert partly.json()["accepted"] == 1


async def test_a_cloud_event_claims_a_version(client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)
    await client.post(f"{LEVEL_UP}/versions?force=true", json={"schema": False})
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "player.level_up",
        "data": {"level": 3},
    }

    newest = await client.post("/api/events/trigger", json=event)
    claimed = await client.post(
        "/api/events/trigger",
        json={**event, "dataschema": f"{client.base_url}{LEVEL_UP}/versions/1/schema"},
    )

    assert (newest.status_code, claimed.status_code) == (400, 200)


async def test_unknown_types_may_be_refused(site: Site, client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)
    site.catalogue.accept(unknown=False)

    refused = await client.post("/api/events/trigger", json={"type": "player.levelup"})

    assert (refused.status_code, refused.json()["code"]) == (400, "event.type_unknown")
    assert (await client.get("/api/events/trigger")).status_code == 200
    assert (await _trigger(client, {"level": 1})).status_code == 200


async def test_a_version_that_narrows_is_refused_with_its_places(client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)
    narrow = {"schema": {**SCHEMA, "required": ["level", "class"]}}

    refused = await client.post(f"{LEVEL_UP}/versions", json=narrow)
    forced = await client.post(f"{LEVEL_UP}/versions?force=true", json=narrow)

    assert (refused.status_code, refused.json()["code"]) == (409, "type.incompatible")
    assert refused.json()["faults"] == [
        {"where": "#/required", "detail": '"class" was optional', "decided": True}
    ]
    assert (forced.status_code, forced.json()["current"]) == (200, 2)


async def test_the_schema_of_a_version_is_served_as_it_is(client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)

    found = await client.get(f"{LEVEL_UP}/versions/1/schema")
    absent = await client.get(f"{LEVEL_UP}/versions/2/schema")

    assert found.json() == SCHEMA
    assert (absent.status_code, absent.json()["code"]) == (404, "type.not_found")


async def test_a_change_of_what_was_changed_meanwhile_is_refused(client: httpx.AsyncClient) -> None:
    etag = (await client.put(LEVEL_UP, json=NEW_TYPE)).headers["etag"]
    changed = {"If-Match": etag}

    first = await client.put(LEVEL_UP, json=NEW_TYPE, headers=changed)
    second = await client.put(LEVEL_UP, json=NEW_TYPE, headers=changed)
    fresh = await client.put(LEVEL_UP, json=NEW_TYPE, headers={"If-Match": '"0"'})
    nonsense = await client.put(LEVEL_UP, json=NEW_TYPE, headers={"If-Match": "new"})
    deleted = await client.delete(LEVEL_UP, headers=changed)

    statuses = [each.status_code for each in (first, second, fresh, nonsense, deleted)]
    assert statuses == [200, 412, 412, 400, 412]


async def test_types_are_listed_by_page_pattern_owner_and_deprecation(
    client: httpx.AsyncClient,
) -> None:
    for name, body in {
        "player.a": {"owner": "x"},
        "player.b": {"deprecated": {"replacement": "player.a"}},
        "game.c": {"owner": "x"},
    }.items():
        assert (await client.put(f"/api/types/{name}", json=body)).status_code == 200

    async def names(**query: Any) -> list[str]:
        answer = await client.get("/api/types", params=query)
        assert answer.status_code == 200, answer.text
        return [each["name"] for each in answer.json()["types"]]

    assert await names() == ["game.c", "player.a", "player.b"]
    assert await names(pattern="player.*") == ["player.a", "player.b"]
    assert await names(owner="x") == ["game.c", "player.a"]
    assert await names(deprecated=True) == ["player.b"]
    assert await names(deprecated=False, pattern="player.>") == ["player.a"]
    page = (await client.get("/api/types", params={"limit": 2})).json()
    assert page["next"] == "player.a"
    assert await names(limit=2, cursor=page["next"]) == ["player.b"]


async def test_a_declared_type_is_read_only(site: Site, client: httpx.AsyncClient) -> None:
    site.catalogue.declare([declared("player.level_up", {"schema": SCHEMA}, "types/a.yaml")])

    answers = [
        await client.put(LEVEL_UP, json=NEW_TYPE),
        await client.post(f"{LEVEL_UP}/versions", json=NEW_VERSION),
        await client.delete(LEVEL_UP),
    ]

    assert [each.json()["code"] for each in answers] == ["type.read_only"] * 3
    assert answers[0].json()["where"] == "types/a.yaml"


async def test_delete_forgets(client: httpx.AsyncClient) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)

    assert (await client.delete(LEVEL_UP)).json() == {"name": "player.level_up", "deleted": True}
    assert (await client.get(LEVEL_UP)).status_code == 404
    assert (await _trigger(client, {"level": 0})).status_code == 200


@pytest.mark.parametrize(
    ("trial", "ok", "places"),
    [
        ({"data": {"level": 1}}, True, []),
        ({"data": {}}, False, ["$.data"]),
        ({"schema": SCHEMA}, True, []),
        ({"schema": {"type": "object", "required": ["a"]}}, False, ["#/required"]),
        ({"schema": {"required": ["level"]}, "data": {"level": 0}}, True, []),
    ],
)
async def test_data_and_schemas_are_tried_without_effect(
    client: httpx.AsyncClient, trial: dict[str, Any], ok: bool, places: list[str]
) -> None:
    before = (await client.put(LEVEL_UP, json=NEW_TYPE)).json()

    report = (await client.post(f"{LEVEL_UP}/check", json=trial)).json()

    assert report["ok"] is ok
    assert [each["where"] for each in report["faults"] + report["incompatibilities"]] == places
    assert (await client.get(LEVEL_UP)).json() == before


@pytest.mark.parametrize(
    ("path", "trial", "status"),
    [
        (LEVEL_UP, {}, 400),
        (LEVEL_UP, {"schema": {"type": "x"}}, 400),
        (LEVEL_UP, {"data": 1, "version": 9}, 404),
        ("/api/types/a.b", {"data": 1}, 404),
        ("/api/types/a.b", {"schema": True}, 200),
    ],
)
async def test_a_trial_that_cannot_be_is_told(
    client: httpx.AsyncClient, path: str, trial: dict[str, Any], status: int
) -> None:
    await client.put(LEVEL_UP, json=NEW_TYPE)

    assert (await client.post(f"{path}/check", json=trial)).status_code == status


@pytest.mark.parametrize(
    ("name", "body", "code", "where"),
    [
        ("a..b", {}, "type.invalid", "name"),
        ("a.b", {"mode": "loose"}, "request.invalid", "mode"),
        ("a.b", {"schema": {"type": "x"}}, "type.invalid", "$.schema.type"),
        ("a.b", {"rate_limit": {"per_second": 0}}, "request.invalid", None),
        ("a.b", {"rate_limit": {"per_second": 1e-300}}, "request.invalid", None),
        ("a.b", {"misspelt": 1}, "request.invalid", None),
        ("a.b", {"current": 1}, "type.invalid", "$.current"),
        ("a.b", {"deprecated": {"since": "soon"}}, "type.invalid", "$.deprecated.since"),
        ("a.b", [], "request.invalid", None),
    ],
)
async def test_a_faulty_entry_is_refused_by_its_member(
    client: httpx.AsyncClient, name: str, body: Any, code: str, where: str | None
) -> None:
    answer = await client.put(f"/api/types/{name}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert where is None or answer.json().get("where") == where


async def test_an_entry_of_any_size_is_bounded(client: httpx.AsyncClient) -> None:
    answer = await client.put(LEVEL_UP, json={"description": "x" * 200_000})

    assert answer.status_code == 413


async def test_a_missing_body_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.put(LEVEL_UP, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert answer.json()["detail"] == "a JSON body is needed"
