"""The parts of the script that need no browser, and that the node reads what they say."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from event_system.rum.beacon import Beacon, read_beacon
from tests.architecture.tree import ROOT

pytestmark = pytest.mark.service("node")

PRELUDE = """
const kept = new Map();
globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => { kept.set(key, value); },
};
const { openVisit } = await import("./rum/src/visit.js");
const { View } = await import("./rum/src/view.js");
const told = [];
const tell = (beacon) => told.push(beacon);
"""
CLOSED = "globalThis.sessionStorage = { getItem() { throw 1 }, setItem() { throw 1 } };"


def run(script: str) -> list[Any]:
    """What the script tells."""
    text = f"{PRELUDE}{script}\nconsole.log(JSON.stringify(told));"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def read(told: Any) -> Beacon:
    return read_beacon(json.dumps(told).encode())


def test_a_view_is_told_once_and_later_only_what_is_counted() -> None:
    first, nothing, later = run(
        """
        const view = new View("/a", openVisit(1), 0);
        view.set("lcp_ms", 120.5); view.set("load_ms", undefined); view.count("errors", "script");
        tell(view.take(2500)); tell(view.take(3000));
        view.set("lcp_ms", 500); view.count("features", "chat"); view.count("features", "chat");
        tell(view.take(4000));
        """
    )

    expected = Beacon("/a", True, True, None, 2.5, lcp_ms=120.5, errors={"script": 1})
    assert read(first) == expected
    assert nothing is None
    assert read(later) == Beacon("/a", features={"chat": 2})


def test_a_visit_begins_and_goes_on_once() -> None:
    told = run(
        """
        for (const page of ["/a", "/b", "/c"]) tell(new View(page, openVisit(1), 0).take(1));
        """
    )

    beacons = [read(each) for each in told]
    assert [beacon.entry for beacon in beacons] == [True, False, False]
    assert [beacon.continued for beacon in beacons] == [None, "/a", None]


def test_a_visit_that_is_not_looked_at_stays_so() -> None:
    assert run("tell(openVisit(0)); tell(openVisit(1));") == [None, None]


def test_a_tab_without_storage_has_views_and_no_visits() -> None:
    (told,) = run(f'{CLOSED} tell(new View("/a", openVisit(1), 0).take(1000));')

    assert read(told) == Beacon("/a", view=True, dwell_s=1.0)


def test_what_a_page_tells_stays_within_what_the_node_reads() -> None:
    (told,) = run(
        """
        const view = new View("/" + "x".repeat(2000), openVisit(1), 5);
        for (let n = 0; n < 5000; n++) view.count("features", "f".repeat(100) + n);
        for (let n = 0; n < 50; n++) view.count("goals", "goal-" + n);
        view.count("goals", "");
        tell(view.take(1e12));
        """
    )

    beacon = read(told)
    assert beacon.features == {"f" * 64: 1000}
    assert len(beacon.goals) == 20
    assert beacon.dwell_s == 86_400


def test_a_change_of_page_without_a_load_has_no_vitals() -> None:
    (told,) = run(
        """
        const view = new View("/b", openVisit(1), 0, false);
        view.set("lcp_ms", 5); view.set("cls", 0);
        tell(view.take(1000));
        """
    )

    assert read(told) == Beacon("/b", view=True, entry=True, dwell_s=1.0)
