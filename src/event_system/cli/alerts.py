"""`event-system alerts`: what fires, and why it is told or not."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, facts, plain, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Alerts that fire.")

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_COLUMNS: Final = ("FINGERPRINT", "ALERT", "LEVEL", "STATE", "SINCE", "RECEIVERS", "SUMMARY")
WantedArgument = Annotated[
    list[str],
    typer.Argument(metavar="FINGERPRINT|LABEL=VALUE…", help="Its fingerprint, or labels it has."),
]
MatcherOption = Annotated[
    list[str] | None,
    typer.Option("--filter", "-f", help='A matcher: severity="critical", job=~"api.*".'),
]


class Language(StrEnum):
    """Of sentences."""

    EN = "en"
    ZH = "zh"


@app.command("list")
def list_alerts(
    matchers: MatcherOption = None,
    receiver: Annotated[
        str | None, typer.Option(help="Only those for receivers of this regular expression.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet/--no-quiet", help="With those that are muted.")
    ] = True,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List alerts that fire, the newest first."""
    muted = None if quiet else "false"
    query = {"filter": matchers, "receiver": receiver, "silenced": muted, "inhibited": muted}
    answer = Connection(url, key).get("/api/v2/alerts", query)
    if as_json:
        print_json(answer)
        return
    ordered = sorted(answer, key=lambda each: str(each["startsAt"]), reverse=True)
    console().print(table(_COLUMNS, map(_row, ordered)))


def _row(alert: dict[str, Any]) -> tuple[Any, ...]:
    labels, annotations = alert["labels"], alert["annotations"]
    return (
        *(alert["fingerprint"], labels.get("alertname", ""), _level(labels), _state(alert)),
        *(alert["startsAt"], ", ".join(each["name"] for each in alert["receivers"])),
        annotations.get("summary") or annotations.get("description", ""),
    )


def _level(labels: dict[str, str]) -> str:
    return labels.get("level") or labels.get("severity", "")


def _state(alert: dict[str, Any]) -> str:
    status = alert["status"]
    if status["silencedBy"]:
        return "silenced"
    return "inhibited" if status["inhibitedBy"] else "firing"


@app.command()
def show(
    wanted: WantedArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one alert: its labels, its annotations, what mutes it, who gets it."""
    connection = Connection(url, key)
    fingerprint = _explanation(connection, wanted)["fingerprint"]
    found = connection.get("/api/v2/alerts", {})
    alert = next((each for each in found if each["fingerprint"] == fingerprint), None)
    if alert is None:
        raise typer.BadParameter("it does not fire; `alerts explain` says what is known of it")
    if as_json:
        print_json(alert)
        return
    labels = ((f"label {name}", value) for name, value in sorted(alert["labels"].items()))
    annotations = ((name, value) for name, value in sorted(alert["annotations"].items()))
    receivers = ", ".join(each["name"] for each in alert["receivers"])
    status = alert["status"]
    console().print(
        facts(
            [
                ("fingerprint", fingerprint),
                ("state", _state(alert)),
                ("since", alert["startsAt"]),
                *labels,
                *annotations,
                ("receivers", receivers),
                ("silenced by", ", ".join(status["silencedBy"])),
                ("inhibited by", ", ".join(status["inhibitedBy"])),
                ("from", alert.get("generatorURL")),
            ]
        )
    )


@app.command()
def explain(
    wanted: WantedArgument,
    language: Annotated[
        Language, typer.Option("--lang", help="Of the sentences.", envvar="EVENT_SYSTEM_LANG")
    ] = Language.EN,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Say why an alert was told or not, and when the next notification is due.

    Labels that no alert has are explained as though it began now.
    """
    answer = _explanation(Connection(url, key), wanted)
    if as_json:
        print_json(answer)
        return
    for sentence in answer["text"][language.value]:
        console().print(plain(sentence))


def _explanation(connection: Connection, wanted: list[str]) -> Any:
    if len(wanted) == 1 and _FINGERPRINT.fullmatch(wanted[0]):
        return connection.get(f"/api/alerts/{quote(wanted[0])}/explain")
    for pair in wanted:
        if "=" not in pair:
            raise typer.BadParameter(f"{pair!r} is neither a fingerprint nor a label: name=value")
    return connection.get("/api/alerts/explain", {"label": wanted})
