"""`event-system listeners`: what handles events, and how far it is."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, facts, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The listeners of a node.")

_COLUMNS = ("NAME", "MODE", "PATTERNS", "STATE", "LAG", "HANDLED", "PER S", "ERRORS", "LAST ERROR")


@app.command("list")
def list_listeners(
    url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """List all listeners with lag, rates and errors."""
    answer = Connection(url, key).get("/api/listeners")
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, (_row(each) for each in answer["listeners"])))


def _row(listener: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(listener["name"], listener["mode"], " ".join(listener["patterns"]), listener["state"]),
        *(listener["lag"], listener["handled"], f"{listener['rate']:.1f}", listener["errors"]),
        listener["last_error"],
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The listener's name.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one listener: its declaration, its figures, its cursors by lane."""
    listener = Connection(url, key).get(f"/api/listeners/{quote(name, safe='')}")
    if as_json:
        print_json(listener)
        return
    out = console()
    cursors = listener.pop("cursors")
    listener["patterns"] = " ".join(listener["patterns"])
    out.print(facts((name.replace("_", " "), value) for name, value in listener.items()))
    if cursors:
        out.print()
        rows = sorted(cursors.items(), key=lambda cursor: int(cursor[0]))
        out.print(table(("LANE", "CURSOR"), rows))
