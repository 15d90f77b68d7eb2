"""Export, import and export again with real nodes: the same events, whatever was in them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from event_system.cli.main import app
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

NAMES = st.text("abcdefgh0123456789", min_size=1, max_size=12).filter(
    lambda name: name not in {"a", "id", "data", "lane", "time", "type", "offset"}
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
EXTENSIONS = st.dictionaries(NAMES, TEXT | st.integers() | st.booleans(), max_size=3)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
TRACES = st.integers(1, 16**32 - 1).map(lambda n: f"00-{n:032x}-{n % 16**15 + 1:016x}-01")


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["none", "json", "typed", "text", "bytes"]))
    if kind == "none":
        return {}
    if kind in {"json", "typed"}:
        other = {"datacontenttype": "application/vnd.a+json"} if kind == "typed" else {}
        return {**other, "data": draw(JSON)}
    if kind == "text":
        return {"datacontenttype": "text/plain", "data": draw(st.text())}
    data = base64.b64encode(draw(st.binary())).decode()
    type_ = draw(st.sampled_from(["image/png", "text/plain", "application/octet-stream"]))
    return {"datacontenttype": type_, "data_base64": data}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    optional = {"subject": draw(st.none() | TEXT), "time": draw(st.none() | MOMENTS)}
    optional["traceparent"] = draw(st.none() | TRACES)
    return {
        "specversion": "1.0",
        "id": draw(TEXT),
        "source": draw(TEXT),
        "type": draw(st.sampled_from(["a", "player.login", "x.y-z.0_1"])),
        **{name: value for name, value in optional.items() if value is not None},
        **draw(EXTENSIONS),
        **draw(contents()),
    }


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    with NodeProcess(first) as one, NodeProcess(second) as two:
        yield one, two


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def head(node: NodeProcess) -> int:
    with node.client() as client:
        found = client.get("/api/events", params={"limit": 1}).json()["events"]
    return int(found[0]["offset"]) if found else 0


def exported(node: NodeProcess, path: Path, after: int) -> list[dict[str, Any]]:
    """The lines of an export, without what the node adds."""
    run("export", str(path), "--after", str(after), "--overwrite", "--url", node.url)
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    added = {"offset", "received_at", "lane"}
    return [{k: v for k, v in event.items() if k not in added} for event in lines]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events(), min_size=1, max_size=20, unique_by=lambda e: (e["id"], e["source"])))
def test_odd_events_come_back_as_they_were(
    nodes: tuple[NodeProcess, NodeProcess], tmp_path: Path, odd: list[dict[str, Any]]
) -> None:
    one, two = nodes
    before_one, before_two = head(one), head(two)
    sent = [{**event, "id": f"{event['id']}-{before_one}"} for event in odd]
    with one.client() as client:
        assert client.post("/api/events/batch", json=sent).json()["accepted"] == len(sent)

    first = exported(one, tmp_path / "first.ndjson", before_one)
    counts = run("import", str(tmp_path / "first.ndjson"), "--url", two.url)
    second = exported(two, tmp_path / "second.ndjson", before_two)

    assert counts["stored"] == len(sent)
    assert [event["id"] for event in first] == [event["id"] for event in sent]
    assert [event.get("traceparent") for event in first] == [e.get("traceparent") for e in sent]
    assert second == first


@pytest.mark.parametrize("ending", ["ndjson", "ndjson.gz", "ndjson.zst"])
def test_an_export_and_an_import_that_are_killed_go_on(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"all.{ending}"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with NodeProcess(tmp_path / "one") as one, NodeProcess(tmp_path / "two") as two:
        with one.client() as client:
            for first in range(0, EVENTS, 2_000):
                batch = [event(number) for number in range(first, first + 2_000)]
                assert client.post("/api/events/batch", json=batch).status_code == 200
        progress = path.with_name(path.name + ".progress")
        kill_when(lambda: path.exists() and path.stat().st_size, "export", str(path), one)
        assert progress.exists()
        assert run("export", str(path), "--url", one.url)["events"] == EVENTS
        kill_when(progress.exists, "import", str(path), two)
        assert progress.exists()
        done = run("import", str(path), "--url", two.url)
        assert done["rejected"] == 0
        assert done["lines"] == EVENTS
        back = exported(two, tmp_path / "back.ndjson", 0)
    assert [each["id"] for each in back] == [f"e-{number}" for number in range(EVENTS)]


EVENTS = 60_000


def event(number: int) -> dict[str, Any]:
    data = {"number": number, "text": "x" * 200}
    return {
        "type": "a",
        "source": "s",
        "id": f"e-{number}",
        "subject": f"{number % 7}",
        "data": data,
    }


def kill_when(holds: Callable[[], Any], command: str, file: str, node: NodeProcess) -> None:
    """Start a command and `kill -9` it as soon as something holds."""
    arguments = [command, file, "--url", node.url]
    process = subprocess.Popen([sys.executable, "-m", "event_system.cli", *arguments])
    wait_until(holds)
    process.kill()
    process.wait()
