"""`event-system notify`: try channels out, and look at what became of notifications."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, plain, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Notifications and channels.")

_COLUMNS: Final = ("TIME", "STATUS", "RECEIVER", "CHANNEL", "ALERTS", "ATTEMPTS", "WHAT")


@app.callback()
def notify() -> None:
    """Notifications and channels."""


@app.command("test")
def try_channel(
    channel: Annotated[
        str, typer.Argument(metavar="RECEIVER[/KIND/INDEX]", help="Which channels: team/email/0.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            help="An alertmanager.yml whose channels are tried from here, without a node."
        ),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Send a notification that says it is a test; exit code 1 where a channel does not take it."""
    if config is not None:
        answer = asyncio.run(_tried_here(config, channel))
    else:
        body = json.dumps({"channel": channel}).encode()
        answer = Connection(url, key).post("/api/notifications/test", body)
    if as_json:
        print_json(answer)
    else:
        for each in answer["channels"]:
            _show(answer["receiver"], each)
    raise typer.Exit(0 if all(each["passed"] for each in answer["channels"]) else 1)


async def _tried_here(config: Path, channel: str) -> dict[str, Any]:
    from event_system.alerting.trying import chosen, try_out
    from event_system.http.alertmanager.notifications import outcome_view
    from event_system.kernel.clock import SystemClock
    from event_system.node.alerting_file import read_alerting

    clock = SystemClock()
    receiver, integrations = chosen(read_alerting(config, clock), channel)
    outcomes = []
    for each in integrations:
        outcomes.append(
            outcome_view(await try_out(receiver, each, "http://localhost", clock.now_us()))
        )
        await each.channel.close()
    return {"receiver": receiver.name, "channels": outcomes}


def _show(receiver: str, channel: dict[str, Any]) -> None:
    out = console()
    outcome = "taken" if channel["passed"] else "NOT taken"
    out.print(plain(f"{receiver} {channel['channel']}: {outcome}"))
    for stage in channel["stages"]:
        mark = "ok  " if stage["passed"] else "FAIL"
        out.print(plain(f"  {mark} {stage['name']} ({stage['took_ms']} ms): {stage['detail']}"))


@app.command()
def log(
    receiver: Annotated[str | None, typer.Option(help="Only of this receiver.")] = None,
    status: Annotated[
        str | None, typer.Option(help="sent, failed, retrying, bundled, expired or waiting.")
    ] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Only of this alert.")] = None,
    since: Annotated[str | None, typer.Option(help="How far back: 90m, 2h, 1d.")] = None,
    before: Annotated[str | None, typer.Option(help="Older than the one with this id.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, 1 to 1,000.")] = 50,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of notifications, the newest first."""
    query = {
        "receiver": receiver,
        "status": status,
        "fingerprint": fingerprint,
        "since": since,
        "before": before,
        "limit": limit,
    }
    answer = Connection(url, key).get("/api/notifications", query)
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, map(_row, answer["notifications"])))
    if answer["next"]:
        console().print(plain(f"older ones: --before {answer['next']}"))


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    what = each["error"] or each["note"]
    if each["bundle"]:
        what = f"went along with {each['bundle']}"
    elif each["count"] > 1:
        what = what or f"{each['count']} notifications in one"
    return (
        *(each["at"], each["status"], each["receiver"], each["channel"]),
        *(each["alert_count"], each["attempt_count"], what),
    )
