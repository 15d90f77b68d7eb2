"""`event-system cluster`: the nodes on one database, and what each of them has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, plain, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True)

_NODES: Final = (
    *("NAME", "STATE", "ROLES", "LANES", "TASKS", "LAG", "CLOCK"),
    *("SINCE", "LAST SEEN", "VERSION", "ADDRESS"),
)
_LISTENERS: Final = ("LISTENER", "HAD BY", "LAG", "LAG BY NODE")


@app.callback()
def root() -> None:
    """The nodes on one database, and what each of them has."""


@app.command()
def status(
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the nodes, their lanes and tasks, and how far behind listeners are on each of them."""
    found = Connection(url, key).get("/api/cluster")
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(table(_NODES, (_node(node) for node in found["nodes"])))
    out.print()
    out.print(table(_LISTENERS, _listeners(found)))
    if any(found["unowned"].values()):
        out.print()
        out.print(plain(f"no node has: {_things(found['unowned'])}"))


def _node(node: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(node["name"], node["state"], ", ".join(node["roles"])),
        *(ranges(node["lanes"]), ", ".join(node["tasks"]), sum(node["lag"].values())),
        f"{node['clock_offset']:+.3f} s",
        *(node["since"], node["last_seen"], node["version"], node["address"]),
    )


def _listeners(found: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    nodes = found["nodes"]
    owners = {name: node["name"] for node in nodes for name in node["listeners"]}
    for name, lag in found["lag"].items():
        shares = [f"{node['name']}: {node['lag'][name]}" for node in nodes if name in node["lag"]]
        yield name, owners.get(name, ""), lag, ", ".join(shares)


def _things(had: dict[str, Any]) -> str:
    words = {
        "lanes": ranges(had["lanes"]),
        "listeners": ", ".join(had["listeners"]),
        "tasks": ", ".join(had["tasks"]),
    }
    return "; ".join(f"{kind} {names}" for kind, names in words.items() if names)


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers, those in a row as a range: `0-3, 7`."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
