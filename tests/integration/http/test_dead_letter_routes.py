"""Dead letters over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from event_system.delivery.ports import RETRYING
from tests.support.memory_retries import failure
from tests.support.rows import row
from tests.support.site import Site, serving

SECOND = 1_000_000


def put_some(here: Site) -> None:
    """Ten dead letters of `x`, one a second, five of `a b/c`, and one that is retried."""
    here.failures.put(*(failure("x", n, at_us=n * SECOND) for n in range(1, 11)))
    slow = (failure("a b/c", n, at_us=n * SECOND, type_="guild.war") for n in range(1, 6))
    here.failures.put(*slow)
    here.failures.put(failure("x", 11, at_us=99 * SECOND, state=RETRYING, attempts=2))


def keys(page: dict[str, Any]) -> list[tuple[str, int]]:
    return [(letter["listener"], letter["offset"]) for letter in page["dead_letters"]]


ALL = sorted(
    [("a b/c", n) for n in range(1, 6)] + [("x", n) for n in range(1, 11)],
    key=lambda k: (k[1], k[0]),
)


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_pages_hold_every_dead_letter_once_in_order(order: str, limit: int) -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        found: list[tuple[str, int]] = []
        query: dict[str, str | int] = {"order": order, "limit": limit}
        page = (await client.get("/api/dead-letters", params=query)).json()
        found += keys(page)
        while page["next"]:
            page = (
                await client.get("/api/dead-letters", params={**query, "cursor": page["next"]})
            ).json()
            found += keys(page)
    assert found == (ALL if order == "oldest" else ALL[::-1])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"listener": "a b/c"}, [("a b/c", n) for n in range(1, 6)]),
        ({"type": "guild.>"}, [("a b/c", n) for n in range(1, 6)]),
        ({"since": "1970-01-01T00:00:09Z"}, [("x", 9), ("x", 10)]),
        ({"until": "1970-01-01T00:00:02Z"}, [("a b/c", 1), ("x", 1)]),
        ({"state": "retrying"}, [("x", 11)]),
        ({"state": "blocking"}, []),
        ({"listener": "nobody"}, []),
    ],
)
async def test_filters_narrow_down(query: dict[str, str], expected: list[tuple[str, int]]) -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        page = (await client.get("/api/dead-letters", params={**query, "order": "oldest"})).json()
    assert keys(page) == expected
    assert page["next"] is None


@pytest.mark.parametrize(
    "query",
    [{"state": "x"}, {"limit": "0"}, {"type": "a..b"}, {"since": "soon"}, {"cursor": "AAAA"}],
)
async def test_a_wrong_query_is_refused(query: dict[str, str]) -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        answer = await client.get("/api/dead-letters", params=query)
    assert answer.status_code == 400


async def test_a_cursor_of_another_query_is_refused() -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        page = (await client.get("/api/dead-letters", params={"limit": 1})).json()
        other = {"limit": 1, "listener": "x", "cursor": page["next"]}
        answer = await client.get("/api/dead-letters", params=other)
    assert (answer.status_code, answer.json()["where"]) == (400, "cursor")


async def test_one_dead_letter_is_shown_with_its_traceback_and_event() -> None:
    async with serving(Site()) as here, here.client() as client:
        here.log.submit([row("e1")], lambda appended: None)
        here.failures.put(failure("a b/c", 1))
        found = (await client.get("/api/dead-letters/a%20b%2Fc/1")).json()
        missing = await client.get("/api/dead-letters/x/1")
    assert found["dead_letter"]["traceback"] == "Traceback …"
    assert found["dead_letter"]["died_at"] == "1970-01-01T00:00:01.000Z"
    assert found["event"]["id"] == "e1"
    assert (missing.status_code, missing.json()["code"]) == (404, "dead_letter.not_found")


async def test_the_count_is_told_first_and_nothing_happens_if_it_changes() -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        path, choice = "/api/dead-letters/requeue", {"listener": "x"}
        told = (await client.post(path, json={**choice, "dry_run": True})).json()
        here.failures.put(failure("x", 12, at_us=12 * SECOND))
        refused = await client.post(path, json={**choice, "expect": told["count"]})
        assert here.failures.woken == []
        done = (await client.post(path, json={**choice, "expect": 11})).json()
        counts = here.failures.retries.counts
    assert told == {"count": 10, "done": False}
    assert (refused.status_code, refused.json()["code"]) == (409, "dead_letter.count")
    assert done == {"count": 11, "done": True}
    assert (counts["x"].retrying, counts["x"].dead) == (12, 0)
    assert counts["a b/c"].dead == 5
    assert here.failures.woken == ["x"]


async def test_requeued_dead_letters_are_due_at_once_with_all_attempts_before_them() -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        await client.post("/api/dead-letters/requeue", json={"offsets": [3, 4], "listener": "x"})
        due = await here.failures.retries.due("x", here.clock.now_us(), 10)
    assert {(row.offset, row.attempts) for row in due.rows} == {(3, 0), (4, 0), (11, 2)}


@pytest.mark.parametrize(
    ("choice", "count"),
    [
        ({"all": True}, 15),
        ({"type": "guild.*"}, 5),
        ({"offsets": [1, 2, 999]}, 4),
        ({"listener": "x", "since": "1970-01-01T00:00:09Z"}, 2),
        ({"until": "1970-01-01T00:00:03Z"}, 4),
    ],
)
async def test_what_is_meant_is_discarded_and_nothing_else(
    choice: dict[str, Any], count: int
) -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        answer = (await client.post("/api/dead-letters/discard", json=choice)).json()
        left = (await client.get("/api/dead-letters")).json()
        retried = (await client.get("/api/dead-letters", params={"state": "retrying"})).json()
    assert answer == {"count": count, "done": True}
    assert len(left["dead_letters"]) == 15 - count
    assert len(retried["dead_letters"]) == 1


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"dry_run": True},
        {"all": True, "listener": "x"},
        {"all": "yes"},
        {"offsets": []},
        {"offsets": [0]},
        {"offsets": list(range(1, 1002))},
        {"listener": ""},
        {"type": "a..b"},
        {"since": "soon"},
        {"expect": -1, "all": True},
        {"unknown": 1, "all": True},
        [],
        None,
    ],
)
@pytest.mark.parametrize("action", ["requeue", "discard"])
async def test_an_unclear_choice_is_refused_and_changes_nothing(action: str, choice: Any) -> None:
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        answer = await client.post(f"/api/dead-letters/{action}", json=choice)
        assert here.failures.retries.counts["x"].dead == 10
    assert answer.status_code == 400
    assert answer.json()["remedy"]


async def test_many_are_counted_and_discarded_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_system.delivery.dead_letters.STEP", 3)
    monkeypatch.setattr("event_system.database.sqlite.retries.LOOKS", 4)
    async with serving(Site()) as here, here.client() as client:
        put_some(here)
        typed: list[tuple[str, int]] = []
        for page in [page async for page in _pages(client, {"type": "guild.war", "limit": "2"})]:
            typed += keys(page)
        answer = (await client.post("/api/dead-letters/discard", json={"type": "player.*"})).json()
    assert typed == [("a b/c", n) for n in range(5, 0, -1)]
    assert answer["count"] == 10


async def _pages(client: Any, query: dict[str, str]) -> Any:
    page = (await client.get("/api/dead-letters", params=query)).json()
    yield page
    while page["next"]:
        page = (
            await client.get("/api/dead-letters", params={**query, "cursor": page["next"]})
        ).json()
        yield page
