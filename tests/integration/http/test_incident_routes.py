from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from event_system.http.incident_page import language_of
from event_system.incidents.visits import EACH
from tests.support.incidents import DAY, World, running, signal
from tests.support.site import Site


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    async with running() as world:
        site.incidents = world.manager
        yield world


async def _post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(path, json=body)


def _links(world: World) -> dict[str, str]:
    """Of the first page, without the address."""
    links = world.phone.pages[0].told[0].links or {}
    return {action: url.removeprefix("http://node.example") for action, url in links.items()}


async def test_an_operator_goes_through_an_incident(
    client: httpx.AsyncClient, site: Site, world: World
) -> None:
    site.keys[b"k1"] = "ann"
    client.headers["authorization"] = "Bearer k1"
    await world.fires(signal("Slow", service="api"))
    listed = (await client.get("/api/incidents")).json()["incidents"]
    path = f"/api/incidents/{listed[0]['id']}"
    acknowledged = (await _post(client, f"{path}/acknowledge", text="on it")).json()
    await _post(client, f"{path}/analyse", text="slow disk")
    await _post(client, f"{path}/mitigate", text="moved")
    await _post(client, f"{path}/update", text="better")
    await _post(client, f"{path}/snooze", seconds=60)
    resolved = (await _post(client, f"{path}/resolve")).json()

    assert acknowledged["assignee"] == "ann"
    assert [entry["who"] for entry in resolved["timeline"] if entry["text"]] == ["ann"] * 4
    assert resolved["state"] == "resolved"
    assert (await client.get("/api/incidents")).json()["incidents"] == []
    shown = (await client.get(path)).json()
    assert shown["alerts"][0]["because"] == "it opened the incident"
    assert shown["timeline"][0]["told"] == "Alert Slow began; value 42"
    assert shown["timeline"][0]["told_zh"] == "告警 Slow 触发，当时的值：42"


async def test_incidents_are_found_by_state_level_service_and_time_page_by_page(
    client: httpx.AsyncClient, world: World
) -> None:
    for n, level in enumerate(["P1", "P2", "P1", "P2", "P1"]):
        await world.fires(signal(f"A{n}", at=n * 1000, level=level, service=f"s{n}"))
    one = world.case_of("fp-A0")
    await world.act(one, "resolve")
    await world.act(one, "close")

    async def ids(**query: Any) -> list[int]:
        found = (await client.get("/api/incidents", params=query)).json()["incidents"]
        return [int(each["id"][-4:]) for each in found]

    assert await ids() == [5, 4, 3, 2]
    assert await ids(state="closed") == [1]
    assert await ids(state="all") == [5, 4, 3, 2, 1]
    assert await ids(level="P2") == [4, 2]
    assert await ids(level=["P1", "P2"], state="all") == [5, 4, 3, 2, 1]
    assert await ids(service="s3") == [4]
    assert await ids(until="2026-11-18T00:00:00Z") == []
    assert await ids(since="2026-11-18T12:00:00Z") == [5, 4, 3, 2]
    first = (await client.get("/api/incidents", params={"limit": 2, "state": "all"})).json()
    query = {"limit": 2, "state": "all", "cursor": first["next"]}
    second = (await client.get("/api/incidents", params=query)).json()
    assert [each["id"][-1] for each in second["incidents"]] == ["3", "2"]
    assert (await client.get("/api/incidents?state=odd")).status_code == 400
    wrong = await client.get("/api/incidents", params={**query, "limit": 2, "level": "P1"})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("acknowledge", {"seconds": 5}, 400, "request.invalid"),
        ("acknowledge", {"odd": 5}, 400, "request.invalid"),
        ("update", {}, 400, "incident.invalid"),
        ("close", {}, 409, "incident.transition"),
        ("acknowledge", {"version": 1}, 412, "incident.changed"),
        ("snooze", {"seconds": -1}, 400, "request.invalid"),
        ("reclassify", {"level": "P7"}, 400, "incident.invalid"),
        ("merge", {"into": "INC-1"}, 404, "incident.not_found"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_its_code(
    client: httpx.AsyncClient,
    world: World,
    verb: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    case = await world.fires(signal("A"))
    answer = await client.post(f"/api/incidents/{case.incident.id}/{verb}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_etag_keeps_two_people_from_overwriting_each_other(
    client: httpx.AsyncClient, world: World
) -> None:
    case = await world.fires(signal("A"))
    path = f"/api/incidents/{case.incident.id}"
    tag = (await client.get(path)).headers["etag"]
    body = {"assignee": "ann"}
    first = await client.post(f"{path}/assign", json=body, headers={"if-match": tag})
    second = await client.post(f"{path}/assign", json=body, headers={"if-match": tag})
    odd = await client.post(f"{path}/assign", json=body, headers={"if-match": "x"})

    assert (first.status_code, second.status_code, odd.status_code) == (200, 412, 400)
    assert first.headers["etag"] != tag


async def test_a_node_without_incidents_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/incidents")

    assert (answer.status_code, answer.json()["code"]) == (404, "incident.disabled")


async def test_a_postmortem_from_beginning_to_end(client: httpx.AsyncClient, world: World) -> None:
    case = await world.fires(signal("A"))
    path = f"/api/postmortems/{case.incident.id}"
    assert (await _post(client, path)).status_code == 409
    await world.act(case, "resolve")
    made = (await _post(client, path, language="zh")).json()
    item = {"text": "grow it", "owner": "bob", "due": "2020-01-01T00:00:00Z"}
    changed = (await _post(client, f"{path}/items", **item)).json()
    body = {"markdown": "# Done", "version": changed["version"]}
    written = await client.put(path, json=body)
    stale = await client.put(path, json=body)
    done = await client.put(f"{path}/items/1", json={"state": "done"})
    missing = await client.put(f"{path}/items/7", json={"state": "done"})
    finished = await client.put(path, json={"done": True})
    listed = (await client.get("/api/postmortems")).json()["postmortems"]
    document = (await client.get(path)).json()

    assert "## 时间线" in made["markdown"]
    assert changed["items"][0] | {"overdue": True} == changed["items"][0]
    assert (written.status_code, stale.status_code) == (200, 412)
    assert done.json()["items"][0]["state"] == "done"
    assert missing.status_code == 404
    assert finished.json()["state"] == "done"
    assert [each["markdown"] for each in listed] == [""]
    assert document["markdown"] == "# Done"


# -- links


async def test_a_link_acts_once_and_only_when_its_button_is_pressed(
    client: httpx.AsyncClient, site: Site, world: World
) -> None:
    site.keys[b"k1"] = "somebody"
    case = await world.fires(signal("Down", level="P0"))
    path = _links(world)["acknowledge"]
    looked = await client.get(path)
    head = await client.head(path)
    assert (looked.status_code, head.status_code) == (200, 200)
    assert case.incident.state == "notified"
    assert "Acknowledge" in looked.text
    assert looked.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in looked.headers["content-security-policy"]
    assert looked.headers["referrer-policy"] == "no-referrer"

    done = await client.post(path)
    again = await client.post(path)
    later = await client.get(path)

    assert (done.status_code, again.status_code) == (200, 403)
    assert "You have acknowledged it." in done.text
    assert "used already" in later.text
    assert case.incident.assignee == "ann"
    assert len(case.incident.acknowledgements) == 1
    await world.restart()
    site.incidents = world.manager
    assert (await client.post(path)).status_code == 403


@pytest.mark.parametrize("action", ["resolve", "snooze"])
async def test_links_resolve_and_snooze(
    client: httpx.AsyncClient, world: World, action: str
) -> None:
    case = await world.fires(signal("Down", level="P0"))
    answer = await client.post(_links(world)[action], headers={"accept-language": "zh-CN,en;q=0.5"})

    assert answer.status_code == 200
    assert '<html lang="zh">' in answer.text
    assert (case.incident.snoozed_until_us > 0) == (action == "snooze")
    assert case.incident.is_open == (action == "snooze")


async def test_a_link_that_was_changed_or_is_over_does_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    case = await world.fires(signal("Down", level="P0"))
    path = _links(world)["acknowledge"]
    flipped = path[:-3] + ("A" if path[-3] != "A" else "B") + path[-2:]
    for odd in (flipped, "/i/x", "/i/" + "A" * 700, "/i/%F0%9F%98%80"):
        for method in ("GET", "POST"):
            answer = await client.request(method, odd)
            assert answer.status_code == 403
            assert "<h1>This does not work</h1>" in answer.text
    world.clock.us += DAY + 60_000_000

    assert (await client.post(path)).status_code == 403
    assert case.incident.is_unanswered


async def test_links_are_asked_for_only_so_fast(client: httpx.AsyncClient, world: World) -> None:
    answers = [await client.get("/i/x") for _ in range(EACH.burst * 3)]
    waits = {answer.status_code: answer.headers.get("retry-after") for answer in answers}

    assert answers[0].status_code == 403
    assert sum(answer.status_code == 429 for answer in answers) > EACH.burst // 2
    assert waits == {403: None, 429: "1"}


async def test_a_page_shows_what_an_alert_says_as_text(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.fires(signal("<script>alert(1)</script>", level="P0"))
    answer = await client.get(_links(world)["acknowledge"])

    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("en;q=0.1,zh-TW;q=0.2", "zh"),
        ("fr,*;q=0.5", "en"),
        ("zh;q=nonsense", "en"),
        ("zh;q=1.1.1", "en"),
    ],
)
def test_the_page_speaks_the_language_that_the_browser_prefers(
    accepted: str, language: str
) -> None:
    assert language_of(accepted) == language
