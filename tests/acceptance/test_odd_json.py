"""JSON that is allowed but odd, or only almost JSON: the same answer on every way in and out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from event_system.client import EventClient
from tests.support.process import NodeProcess, run_command
from tests.support.waiting import wait_until

DEEP = 100_000
LISTENERS = [Path(__file__).parent / "listeners" / "reading.py"]
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
LINES = "application/x-ndjson"
CE = b'{"specversion":"1.0","id":"i","source":"s","type":"odd.a",'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("odd"), listeners=LISTENERS) as running:
        yield running


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as made:
        yield made


def post(
    client: httpx.Client, body: bytes, media_type: str = JSON, path: str = "trigger", **more: str
) -> httpx.Response:
    headers = {"content-type": media_type, **more}
    return client.post(f"/api/events/{path}", content=body, headers=headers)


def refusals(client: httpx.Client, data: bytes) -> list[httpx.Response]:
    """The same data on every way into the node."""
    short, structured = b'{"type":"odd.a","data":%b}' % data, CE + b'"data":%b}' % data
    binary = {f"ce-{k}": v for k, v in {"specversion": "1.0", "id": "b", "source": "s"}.items()}
    return [
        post(client, short),
        post(client, structured, STRUCTURED),
        post(client, structured),
        post(client, data, **binary, **{"ce-type": "odd.a"}),
        post(client, b"[%b]" % short, path="batch"),
        post(client, b"[%b,%b]" % (short, structured), path="batch"),
        post(client, b"[%b]" % structured, "application/cloudevents-batch+json", path="batch"),
        post(client, short, LINES, path="batch"),
    ]


NO_DATA = {
    "nested 100,000 times": b"[" * DEEP + b"]" * DEEP,
    "objects nested 100,000 times": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "opened 100,000 times": b"[" * DEEP,
    "nested 101 times": b"[" * 101 + b"]" * 101,
    "an integer of 5,000 digits": b"9" * 5000,
    "half a surrogate pair": rb'"\ud800"',
    "the other half": rb'{"\udc00":1}',
    "no UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\x80"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a raw NUL": b'"\x00"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a leading zero": b"01",
    "a comma too many": b"[1,]",
    "single quotes": b"'a'",
    "a comment": b"1/**/",
}


@pytest.mark.parametrize("name", NO_DATA)
def test_what_not_every_reader_can_read_is_refused_on_every_way(
    client: httpx.Client, name: str
) -> None:
    before = client.get("/api/events", params={"limit": 1}).json()["events"]
    for answer in refusals(client, NO_DATA[name]):
        assert answer.status_code == 400, answer.text
        problem = answer.json()
        code = problem["faults"][0]["code"] if "faults" in problem else problem["code"]
        assert code in ("event.malformed", "event.invalid")
    assert client.get("/api/events", params={"limit": 1}).json()["events"] == before


@pytest.mark.parametrize("name", ["id", "source", "subject", "type"])
@pytest.mark.parametrize(
    "text", [b'""', rb'"\u0000"', rb'"\ud800"', b'"a\x00"', b'"\xff"', b'"' + b"x" * 2000 + b'"']
)
def test_a_name_that_is_none_is_refused_with_its_place(
    client: httpx.Client, name: str, text: bytes
) -> None:
    members = b"" if name == "type" else b'"type":"odd.a",'
    body = b'{%b"%b":%b}' % (members, name.encode(), text)
    for answer in (post(client, body), post(client, b"[%b]" % body, path="batch")):
        assert answer.status_code == 400
        problem = answer.json()
        fault = problem["faults"][0] if "faults" in problem else problem
        malformed = fault["code"] == "event.malformed"
        assert malformed or (fault["code"], fault["where"]) == ("event.invalid", f"$.{name}")


@pytest.mark.parametrize("path", ["types/odd.schema", "schedules/odd"])
def test_documents_nested_without_end_are_refused(client: httpx.Client, path: str) -> None:
    for levels in (101, 900, 10_000, DEEP):
        nested = b'{"not":' * levels + b"{}" + b"}" * levels
        event = b'{"type":"odd.a","data":%b}' % nested
        for body in (b'{"schema":%b}' % nested, b'{"cron":"0 0 1 1 *","event":%b}' % event):
            headers = {"content-type": JSON}
            answer = client.put(f"/api/{path}", content=body, headers=headers)
            assert answer.status_code in (400, 413), answer.text
            assert answer.json()["remedy"]


WHERES = (
    *("data" + ".a" * 190, "data" + "[0]" * 120, "data=" + "[" * 390, 'data="\ud800"[1:]'),
    *("data.a=1e999", "data.a=" + "9" * 380, "data.a=\x00", "data[999999999]=1", 'data[""] exists'),
)


@pytest.mark.parametrize("where", WHERES)
def test_odd_conditions_are_answered(client: httpx.Client, where: str) -> None:
    encoded = where.encode(errors="replace")
    answer = client.get("/api/events", params={"where": encoded})
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["code"] == "query.invalid"


async def test_what_is_allowed_but_odd_comes_back_everywhere(
    node: NodeProcess, client: httpx.Client, tmp_path: Path
) -> None:
    odd = {
        "infinite": b"[1e999,-1e999]",
        "digits": b"9" * 4300,
        "fraction": b"0." + b"1" * 5000,
        "deep": b"[" * 100 + b"]" * 100,
        "nul": rb'"\u0000"',
        "pair": rb'"\ud83d\ude00"',
        "empty": b'{"":""}',
    }
    for name, data in odd.items():
        assert post(
            client, b'{"type":"odd.b","id":"%b","data":%b}' % (name.encode(), data)
        ).is_success
    page = client.get("/api/events", params={"type": "odd.b", "order": "oldest"})
    read = {event["id"]: event["data"] for event in json.loads(page.content)["events"]}
    assert read == {name: json.loads(data) for name, data in odd.items()}
    assert read["infinite"] == [math.inf, -math.inf]
    async with EventClient(node.url) as reader:
        found = [event async for event in reader.events(type="odd.b")]
        assert {event["id"]: event["data"] for event in found} == read
        streamed = {}
        async for event in reader.stream(after=0, type="odd.b"):
            assert isinstance(event, dict)
            streamed[event["id"]] = event["data"]
            if len(streamed) == len(odd):
                break
        assert streamed == read
    commands = [
        ("events", "list", "--json"),
        ("events", "show", "infinite"),
        ("events", "list", "--where", "data[0]>5"),
        ("types", "infer", "odd.b"),
        ("export", str(tmp_path / "odd.ndjson")),
        ("import", str(tmp_path / "odd.ndjson")),
    ]
    for command in commands:
        done = run_command(*command, "--url", node.url)
        assert done.returncode == 0, done.stderr
    handled = node.directory / "read.log"
    wait_until(lambda: all(f"{name} " in handled.read_text() for name in odd))


def test_of_a_member_that_is_named_twice_the_last_counts_everywhere(
    node: NodeProcess, client: httpx.Client
) -> None:
    last, first = b'{"a":"2","a":1}', rb'{"\u0061":1,"a":"2"}'
    schema = {"properties": {"a": {"type": "integer"}}}
    assert client.put("/api/types/odd.twice", json={"schema": schema}).is_success
    event = b'{"type":"none","type":"odd.twice","id":"%b","id":"%b","data":0,"data":%b}'
    structured = b'{"specversion":"0.3","specversion":"1.0","source":"s",' + event[1:]

    for number, form in enumerate((event, structured)):
        names = (b"x", b"right%d" % number)
        assert post(client, form % (*names, last)).json()["id"] == f"right{number}"
        assert post(client, form % (*names, first)).json()["code"] == "event.schema_mismatch"
        for path in ("batch", "batch?partial=true"):
            answer = post(client, b"[%b]" % (form % (*names, first)), path=path).json()
            assert answer["faults"][0]["code"] == "event.schema_mismatch"
    assert post(client, b'{"type":"odd.free","id":"wrong","data":%b}' % first).is_success

    def ids(where: str) -> set[str]:
        found = client.get("/api/events", params={"type": "odd.*", "where": where, "limit": 100})
        return {each["id"] for each in found.json()["events"]}

    assert ids("data.a=1") == {"right0", "right1"}
    assert ids('data.a="2"') == {"wrong"}
    shown = client.get("/api/events/right0").json()["event"]
    assert shown["type"] == "odd.twice"
    handled = node.directory / "read.log"
    wait_until(lambda: "filtered-right1 1" in handled.read_text())
    wait_until(lambda: 'wrong {"a": "2"}' in handled.read_text())
    assert "filtered-wrong" not in handled.read_text()


def test_the_node_is_well_after_all_this(node: NodeProcess, client: httpx.Client) -> None:
    assert client.get("/health").json()["status"] == "ok"
    assert not [m for m in node.messages() if m["level"] == "ERROR"]
