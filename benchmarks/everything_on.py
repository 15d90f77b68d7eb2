"""Single events with a schema, limits and an idempotency key, against the same without them.

On: only known types, a strict schema of five members, limits of rate by key, source and type that
are never reached, a limit of the backlog, and an `Idempotency-Key` in place of the event's id. Off:
none of these settings; the id is in the body. Both bodies have the same length.
"""

from __future__ import annotations

import json
from functools import partial
from http.client import HTTPException
from pathlib import Path

from benchmarks.harness import Node, node, scratch
from benchmarks.load import Load, faults_of, stored, wrk
from benchmarks.report import Limit, Run

SCHEMA = {
    "type": "object",
    "required": ["level", "class", "zone", "xp"],
    "additionalProperties": False,
    "properties": {
        "level": {"type": "integer", "minimum": 1, "maximum": 100},
        "class": {"enum": ["mage", "warrior", "rogue"]},
        "zone": {"type": "string", "pattern": "^[a-z]+-[0-9]+$", "maxLength": 40},
        "xp": {"type": "integer", "minimum": 0},
        "guild": {"type": "string", "maxLength": 80},
    },
}
PLENTY = 1_000_000
TYPES = {
    "player.level_up": {
        "owner": "game",
        "description": "A player has reached a level.",
        "schema": SCHEMA,
        "max_size": 4096,
        "rate_limit": {"per_second": PLENTY, "burst": PLENTY},
    }
}
RATE = {"rate": PLENTY, "burst": PLENTY}
SETTINGS = {
    "event": {"unknown_types": "refuse", "max_backlog": PLENTY},
    "limits": {"per_key": RATE, "per_source": RATE, "per_type": RATE},
}


def run(run: Run) -> None:
    for connections in (64, 400):
        sides = {"on": partial(_on, run, connections), "off": partial(_off, run, connections)}
        rounds = run.rounds(sides)
        rates = [(r["on"].per_second, r["off"].per_second) for r in rounds]
        faults = faults_of(load for r in rounds for load in r.values())
        what = f"everything on / off, {connections} connections"
        run.ratio(what, rates, "/s", Limit(at_least=0.9), faults)


def _on(run: Run, connections: int) -> Load:
    with scratch() as directory:
        types = directory / "types.json"
        types.write_text(json.dumps(TYPES))
        config = "".join(
            f"{name}: {json.dumps(section)}\n"
            for name, section in (SETTINGS | {"types": {"files": [str(types)]}}).items()
        )
        return _load(run, directory, connections, config, "Idempotency-Key")


def _off(run: Run, connections: int) -> Load:
    with scratch() as directory:
        return _load(run, directory, connections, "", "X-Request-Id")


def _check_refusals(at: Node) -> None:
    """The settings are at work."""
    for event in ({"type": "player.level_up", "data": {"level": 0}}, {"type": "player.unknown"}):
        try:
            at.post("/api/events/trigger", event)
        except HTTPException:
            continue
        raise RuntimeError(f"{event} was accepted")


def _load(run: Run, directory: Path, connections: int, config: str, id_header: str) -> Load:
    with node(directory, config=config) as at:
        if config:
            _check_refusals(at)
        wrk(at.url, connections, 1, id_header=id_header)
        return stored(at, lambda: wrk(at.url, connections, run.seconds, id_header=id_header))
