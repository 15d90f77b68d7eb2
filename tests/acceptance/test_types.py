"""The catalogue of event types on a running node: made, changed, held to, and never lost."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.process import NodeProcess, run_command
from tests.support.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = 4
WIDE = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
NARROW = {**WIDE, "required": ["name", "motto"]}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("types")) as running:
        yield running


@pytest.fixture
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as made:
        yield made


def _send(client: httpx.Client, type_: str, data: Any, **members: Any) -> httpx.Response:
    body = {"type": type_, "data": data, **members}
    return client.post("/api/events/trigger", json=body)


def _code(answer: httpx.Response) -> str:
    return str(answer.json().get("code", answer.status_code))


# What an entry asks of events


def test_a_strict_type_refuses_with_every_place_and_stores_nothing(client: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"items": {"items": {"required": ["id"]}}}}
    assert client.put("/api/types/s.bag", json={"schema": schema}).status_code == 200

    refused = _send(client, "s.bag", {"items": [{"id": 1}, {}, {"a b": 1}]})

    assert (refused.status_code, _code(refused)) == (400, "event.schema_mismatch")
    assert [fault["where"] for fault in refused.json()["faults"]] == [
        "$.data.items[1]",
        "$.data.items[2]",
    ]
    assert {fault["keyword"] for fault in refused.json()["faults"]} == {
        "#/properties/items/items/required"
    }
    several: list[Any] = [{"items": []}, {"items": [{}]}, {"items": [{"id": 1}, {}]}]
    batch = [{"type": "s.bag", "data": data} for data in several]
    whole = client.post("/api/events/batch", json=batch)
    assert whole.status_code == 400
    assert [fault["index"] for fault in whole.json()["faults"]] == [1, 2]
    assert whole.json()["faults"][0]["where"] == "$.data.items[0]"
    assert client.get("/api/events", params={"type": "s.bag"}).json()["events"] == []
    partial = client.post("/api/events/batch?partial=true", json=batch).json()
    assert partial["accepted"] == 1


def test_a_lenient_type_accepts_and_counts(node: NodeProcess, client: httpx.Client) -> None:
    client.put("/api/types/l.bag", json={"schema": WIDE, "mode": "lenient"})
    assert _send(client, "l.bag", {}).status_code == 200
    metrics = httpx.get(
        f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=PATIENCE_SECONDS
    ).text
    assert 'event_type_violations_total{outcome="accepted",type="l.bag"} 1' in metrics
    assert any("l.bag does not fit its schema" in each["message"] for each in node.messages())


def test_a_rate_a_size_and_a_switch_hold_at_once(client: httpx.Client) -> None:
    entry = {"max_size": 20, "rate_limit": {"per_second": 0.01, "burst": 2}}
    client.put("/api/types/r.bag", json=entry)
    assert _code(_send(client, "r.bag", "x" * 30)) == "event.too_large"
    assert _send(client, "r.bag", 1).status_code == 200
    assert _send(client, "r.bag", 2).headers["ratelimit"] == '"event_type";r=0;t=200'
    limited = _send(client, "r.bag", 3)
    assert (limited.status_code, _code(limited)) == (429, "rate.limited")
    assert 90 <= int(limited.headers["retry-after"]) <= 100
    client.put("/api/types/r.bag", json={"enabled": False})
    off = _send(client, "r.bag", 4)
    assert (off.status_code, _code(off)) == (403, "event.type_disabled")
    later = _send(client, "r.bag", 4, deliver_at="2030-01-01T00:00:00Z")
    assert later.status_code in (400, 403)
    client.delete("/api/types/r.bag")
    assert _send(client, "r.bag", 5).status_code == 200


def test_a_deprecated_type_is_accepted_counted_and_logged(
    node: NodeProcess, client: httpx.Client
) -> None:
    entry = {"deprecated": {"message": "old", "since": "2026-11-01", "replacement": "d.new"}}
    client.put("/api/types/d.old", json=entry)
    assert [_send(client, "d.old", n).status_code for n in range(3)] == [200] * 3
    metrics = httpx.get(
        f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=PATIENCE_SECONDS
    ).text
    assert 'event_type_deprecated_total{type="d.old"} 3' in metrics
    told = [each for each in node.messages() if "d.old is deprecated" in each["message"]]
    assert len(told) == 1
    listed = client.get("/api/types", params={"deprecated": True}).json()["types"]
    assert [each["name"] for each in listed] == ["d.old"]


def test_versions_are_claimed_checked_forced_and_put_back(client: httpx.Client) -> None:
    client.put("/api/types/v.guild", json={"schema": WIDE})
    narrow = {"schema": NARROW}
    refused = client.post("/api/types/v.guild/versions", json=narrow)
    assert (refused.status_code, _code(refused)) == (409, "type.incompatible")
    assert refused.json()["faults"][0]["where"] == "#/required"
    assert client.get("/api/types/v.guild").json()["current"] == 1
    forced = client.post("/api/types/v.guild/versions?force=true", json=narrow)
    assert forced.json()["current"] == 2
    assert _code(_send(client, "v.guild", {"name": "a"})) == "event.schema_mismatch"
    claims = {"specversion": "1.0", "source": "/g", "type": "v.guild", "data": {"name": "a"}}
    for id_, schema, status in [
        ("1", "http://node/api/types/v.guild/versions/1/schema", 200),
        ("2", "urn:v.guild#v2", 400),
        ("3", "urn:v.guild#v3", 400),
    ]:
        event = {**claims, "id": id_, "dataschema": schema}
        assert client.post("/api/events/trigger", json=event).status_code == status
    back = client.put("/api/types/v.guild", json={"current": 1})
    assert (back.status_code, len(back.json()["versions"])) == (200, 2)
    assert _send(client, "v.guild", {"name": "a"}).status_code == 200


def test_a_schema_inferred_from_history_accepts_the_history(
    node: NodeProcess, client: httpx.Client, tmp_path: Path
) -> None:
    history: list[Any] = [
        {"n": n, "x": n / 4, "who": random.choice(["a", "b"]), **({"opt": None} if n % 3 else {})}
        for n in range(200)
    ]
    history += [{"n": 0, "x": 1.0, "who": "c", "list": [1, "2", {"k": [True]}]}]
    client.post("/api/events/batch", json=[{"type": "i.seen", "data": data} for data in history])

    proposed = run_command("types", "infer", "i.seen", "--url", node.url, "--json")
    assert proposed.returncode == 0, proposed.stderr
    schema = json.loads(proposed.stdout)["schema"]
    assert schema["required"] == ["n", "who", "x"]
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema))
    made = run_command("types", "set", "i.seen", "--schema", str(path), "--url", node.url)
    assert made.returncode == 0, made.stderr

    again = [{"type": "i.seen", "data": data} for data in history]
    assert client.post("/api/events/batch", json=again).json()["accepted"] == len(history)
    assert _code(_send(client, "i.seen", {"n": "1", "x": 1, "who": "a"})) == "event.schema_mismatch"


def test_a_type_that_was_never_seen_proposes_nothing(node: NodeProcess) -> None:
    done = run_command("types", "infer", "i.never", "--url", node.url)
    assert done.returncode == 1
    assert "no event of i.never" in done.stderr


# Where entries come from


def test_a_type_is_kept_from_the_command_line(
    node: NodeProcess, client: httpx.Client, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        return run_command("types", *arguments, "--url", node.url)

    schema = tmp_path / "schema.yaml"
    schema.write_text("{type: object, required: [name]}")
    made = run("set", "c.guild", "--schema", str(schema), "--max-size", "50", "--owner", "me")
    assert (made.returncode, made.stderr) == (0, "")
    assert _code(_send(client, "c.guild", {})) == "event.schema_mismatch"
    assert _code(_send(client, "c.guild", {"name": "x" * 60})) == "event.too_large"
    assert run("check", "c.guild", "--data", "{}").returncode == 1
    assert run("set", "c.guild", "--disabled").returncode == 0
    assert _code(_send(client, "c.guild", {"name": ""})) == "event.type_disabled"
    schema.write_text("{type: object, required: [name, motto]}")
    narrowed = run("add-version", "c.guild", str(schema))
    assert narrowed.returncode == 1
    assert "type.incompatible" in narrowed.stderr
    assert "motto" in narrowed.stderr
    assert run("add-version", "c.guild", str(schema), "--force").returncode == 0
    assert run("delete", "c.guild").returncode == 0
    assert run("show", "c.guild").returncode == 1
    assert _send(client, "c.guild", {}).status_code == 200


def test_a_folder_of_types_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "types"
    folder.mkdir()
    guild = folder / "guild.yaml"
    guild.write_text("f.guild: {schema: {required: [name]}}")
    with NodeProcess(tmp_path, options=["--types", str(folder)]) as node, node.client() as client:

        def code(type_: str) -> str:
            return _code(_send(client, type_, {}))

        assert code("f.guild") == "event.schema_mismatch"
        kept = client.put("/api/types/f.guild", json={})
        assert (kept.status_code, _code(kept)) == (409, "type.read_only")
        assert str(guild) in kept.json()["detail"]

        guild.write_text("f.guild: {}")
        wait_until(lambda: code("f.guild") == "200")
        broken = folder / "shop.yaml"
        broken.write_text("f.shop:\n  schema: {type: objekt}\nf.guild: {enabled: false}")
        node.signal(signal.SIGHUP)
        refused = wait_until(lambda: [m for m in node.messages() if "refused" in m["message"]])
        assert f"{broken}:2: f.shop.schema.type" in refused[0]["message"]
        assert f"{broken}:3: f.guild: is declared in {guild} too" in refused[0]["message"]
        assert (code("f.shop"), code("f.guild")) == ("200", "200")

        broken.write_text("f.shop: {enabled: false}")  # mended, and nobody says so
        wait_until(lambda: code("f.shop") == "event.type_disabled")
        broken.unlink()
        wait_until(lambda: code("f.shop") == "200")
        guild.write_text("f.guild: {enabled: false}")
        node.signal(signal.SIGHUP)
        wait_until(lambda: code("f.guild") == "event.type_disabled")


def test_unknown_types_are_refused_where_that_is_set(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "event: {unknown_types: refuse}") as node, node.client() as client:
        unknown = _send(client, "u.any", 1)
        assert (unknown.status_code, _code(unknown)) == (400, "event.type_unknown")
        assert unknown.json()["where"] == "$.type"
        assert client.get("/api/events/trigger").status_code == 200  # system.probe
        assert client.post("/api/events/test").status_code == 200
        schedule = {"cron": "0 4 * * *", "event": {"type": "u.any"}}
        assert client.put("/api/schedules/s", json=schedule).status_code == 400
        client.put("/api/types/u.any", json={})
        assert _send(client, "u.any", 1).status_code == 200
        node.config.write_text("event: {unknown_types: accept}")
        wait_until(lambda: _send(client, "u.other", 1).status_code == 200)


# Under load, and through crashes


def test_a_change_holds_for_every_event_that_is_sent_after_its_answer(
    node: NodeProcess, client: httpx.Client
) -> None:
    client.put("/api/types/w.guild", json={"schema": WIDE, "compatibility": "none"})
    statuses: set[int] = set()
    ended = threading.Event()

    def load() -> None:
        with node.client() as sender:
            while not ended.is_set():
                statuses.add(_send(sender, "w.guild", {"name": "a"}).status_code)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(30):
            strict = number % 2 == 0
            changed = client.put("/api/types/w.guild", json={"schema": NARROW if strict else WIDE})
            if changed.status_code == 409:
                changed = client.put(
                    "/api/types/w.guild?force=true", json={"schema": NARROW if strict else WIDE}
                )
            assert changed.status_code == 200, changed.text
            seen = {_send(client, "w.guild", {"name": "a"}).status_code for _ in range(10)}
            assert seen == ({400} if strict else {200})
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert statuses == {200, 400}


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    answered: dict[str, int] = {}

    def change(send: Callable[..., httpx.Response], name: str) -> None:
        try:
            while True:
                answer = send(
                    f"/api/types/{name}", json={"schema": {"title": str(random.random())}}
                )
                answered[name] = answer.json()["revision"]
        except (httpx.HTTPError, KeyError):  # gone, or its hundred versions are used up
            return

    with NodeProcess(tmp_path) as node:
        for round_ in range(ROUNDS):
            if round_:
                node.start()
            with node.client() as client:
                if round_:
                    _all_there(client, answered)
                names = [f"k.r{round_}-{n}" for n in range(3)]
                threads = [threading.Thread(target=change, args=(client.put, n)) for n in names]
                goal = len(answered) + 3
                for thread in threads:
                    thread.start()
                wait_until(lambda goal=goal: len(answered) >= goal)  # type: ignore[misc]
                node.kill()
                for thread in threads:
                    thread.join()
        node.start()
        with node.client() as client:
            _all_there(client, answered)
        assert node.stop() == 0
        node.start()
        with node.client() as client:
            _all_there(client, answered)


def _all_there(client: httpx.Client, answered: dict[str, int]) -> None:
    for name, revision in answered.items():
        entry = client.get(f"/api/types/{name}").json()
        assert entry["revision"] in (revision, revision + 1)
        assert len(entry["versions"]) == entry["revision"]
