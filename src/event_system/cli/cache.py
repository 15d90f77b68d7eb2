"""`event-system cache`: what listeners have looked up, and keep."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, facts, plain, print_json

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The cache of a node.")


@app.command()
def stats(url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False) -> None:
    """Show what the cache holds, and how often it found something."""
    answer = Connection(url, key).get("/api/cache")
    if as_json:
        print_json(answer)
    else:
        console().print(facts((name.replace("_", " "), value) for name, value in answer.items()))


@app.command()
def purge(
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Only this tag; may be repeated.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget what is cached, on all nodes; it is looked up again when it is wanted."""
    body = msgspec.json.encode({"tags": tags} if tags else {})
    answer = Connection(url, key).post("/api/cache/purge", body)
    if as_json:
        print_json(answer)
    else:
        console().print(plain(f"forgotten: {', '.join(tags) if tags else 'everything'}"))
