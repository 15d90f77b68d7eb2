"""The command line's root: finds the command, loads its module, tells errors plainly."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from event_system.kernel.errors import EventSystemError
from event_system.version import version_text

COMMANDS: Final = {
    "serve": "event_system.cli.serve",
    "demo": "event_system.cli.demo",
    "trigger": "event_system.cli.trigger",
    "events": "event_system.cli.events",
    "scheduled": "event_system.cli.scheduled",
    "export": "event_system.cli.transfer.exporting",
    "import": "event_system.cli.transfer.importing",
    "schedules": "event_system.cli.schedules",
    "listeners": "event_system.cli.listeners",
    "dead-letters": "event_system.cli.dead_letters",
    "replays": "event_system.cli.replays",
    "cache": "event_system.cli.cache",
    "cluster": "event_system.cli.cluster",
    "top": "event_system.cli.top",
    "types": "event_system.cli.types",
    "on-call": "event_system.cli.on_call",
    "rules": "event_system.cli.rules",
    "alerts": "event_system.cli.alerts",
    "incidents": "event_system.cli.incidents",
    "postmortems": "event_system.cli.postmortems",
    "reports": "event_system.cli.reports",
    "silences": "event_system.cli.silences",
    "metrics": "event_system.cli.metrics",
    "config": "event_system.cli.config",
    "db": "event_system.cli.db",
    "verify": "event_system.cli.verify",
    "keys": "event_system.cli.keys",
    "notify": "event_system.cli.notify",
    "alertmanager": "event_system.cli.alertmanager",
}
DEFAULT = "serve"
YOUNG_OBJECTS: Final = 20_000
"""Until the collector looks at them: what is loaded stays, and costs time whenever it is looked at."""


class LazyGroup(TyperGroup):
    """Commands whose modules load when they are used; `serve` where none is named."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = get_command(import_module(module).app)
        command.name = cmd_name
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--version", "--help", "-h")):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An event platform for online games and communities that carries its own operations.",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version."
    ),
) -> None:
    """Without a command, `serve` runs."""


def main() -> None:
    """Run the command line. Exit codes: 0 well, 1 failed, 2 used wrongly."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        app()
    except EventSystemError as error:
        tell(error)
        sys.exit(1)


def tell(error: EventSystemError) -> None:
    """Say on standard error what went wrong and how to mend it."""
    print(f"event-system: {error.title} [{error.code}]", file=sys.stderr)
    print(error.detail, file=sys.stderr)
    for fault in error.faults if len(error.faults) > 1 else ():
        print(f"  {fault.get('where')}: {fault.get('detail')}", file=sys.stderr)
    print(f"-> {error.remedy}", file=sys.stderr)
