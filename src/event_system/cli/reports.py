"""`event-system reports`: what a month was like, and how objectives stand."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, plain, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Reports of incidents.")


@app.command()
def monthly(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    lang: Annotated[
        str | None, typer.Option("--lang", help="`en` or `zh`; `en` by default.")
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="By which clocks a month begins: Asia/Shanghai; else UTC."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the report of a month as a document in Markdown."""
    path = f"/api/reports/monthly/{quote(month, safe='')}"
    report = Connection(url, key).get(path, {"lang": lang, "zone": zone})
    if as_json:
        print_json(report)
        return
    console().print(plain(report["markdown"]), soft_wrap=True, end="")


@app.command()
def objectives(
    url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """Show how the objectives of `incidents.slos` stand."""
    answer = Connection(url, key).get("/api/reports/objectives")
    if as_json:
        print_json(answer)
        return
    columns = ("SERVICE", "OBJECTIVE", "OVER", "REACHED", "BUDGET LEFT", "BURNS")
    console().print(table(columns, map(_objective, answer["objectives"])))


def _objective(objective: dict[str, Any]) -> tuple[str, ...]:
    burning = [burn["urgency"] for burn in objective["burns"] if burn["fires"]]
    return (
        objective["service"],
        f"{objective['objective']:.4%}",
        f"{objective['window_seconds'] / 86_400:g}d",
        f"{objective['reached']:.4%}",
        f"{objective['budget_left']:.1%}",
        burning[0] if burning else "no",
    )
