"""`event-system rules`: check files of rules, and run their unit tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from event_system.cli.client import AsJson
from event_system.cli.output import console, plain, print_json
from event_system.kernel.errors import RuleFileError
from event_system.promql.evaluator import Rules
from event_system.rules.files import read_rules
from event_system.rules.model import Group, RecordingRule
from event_system.rules.trial import Failure, run_tests

app = typer.Typer(add_completion=False, help="Recording and alerting rules.")

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="One or more files.")]


@app.callback()
def rules() -> None:
    """Recording and alerting rules."""


@app.command()
def check(files: Files, as_json: AsJson = False) -> None:
    """Check files of rules in Prometheus' format; exit code 1 if one cannot be used."""
    found = [_checked(file) for file in files]
    if as_json:
        print_json(found)
    else:
        for each in found:
            _show_check(console(), each)
    raise typer.Exit(0 if all(each.valid for each in found) else 1)


class _Checked(msgspec.Struct, frozen=True):
    file: str
    valid: bool
    recording: int = 0
    alerting: int = 0
    faults: tuple[str, ...] = ()


def _checked(file: Path) -> _Checked:
    try:
        groups = read_rules(file)
    except RuleFileError as error:
        return _Checked(str(file), False, faults=error.faults or (error.detail,))
    recording = sum(isinstance(rule, RecordingRule) for rule in _all(groups))
    return _Checked(str(file), True, recording, len(_all(groups)) - recording)


def _all(groups: list[Group]) -> list[object]:
    return [rule for group in groups for rule in group.rules]


def _show_check(out: Console, each: _Checked) -> None:
    if each.valid:
        out.print(plain(f"{each.file}: {each.recording} recording, {each.alerting} alerting rules"))
        return
    out.print(plain(f"{each.file}: cannot be used"), style="bold")
    for fault in each.faults:
        out.print(plain(f"  {fault}"))


@app.command("test")
def run(
    files: Files,
    windows: Annotated[
        str,
        typer.Option(
            help="Whether windows have their earlier edge: `closed` (Prometheus 2) or "
            "`left-open` (Prometheus 3)."
        ),
    ] = "closed",
    as_json: AsJson = False,
) -> None:
    """Run unit tests of rules, in promtool's format; exit code 1 if one fails."""
    if windows not in {"closed", "left-open"}:
        raise typer.BadParameter("`closed` or `left-open`", param_hint="--windows")
    rules_ = Rules(closed=windows == "closed")
    found = {str(file): run_tests(file, rules_) for file in files}
    if as_json:
        print_json(found)
    else:
        for file, failures in found.items():
            _show_test(console(), file, failures)
    raise typer.Exit(1 if any(found.values()) else 0)


def _show_test(out: Console, file: str, failures: list[Failure]) -> None:
    out.print(plain(f"{file}: {'FAILED' if failures else 'SUCCESS'}"), style="bold")
    for failure in failures:
        out.print(plain(f"  {failure.test}: {failure.what}"))
        for name, texts in (("expected", failure.expected), ("got", failure.got)):
            out.print(plain(f"    {name}: {texts[0] if texts else 'nothing'}"))
            for text in texts[1:]:
                out.print(plain(f"    {' ' * len(name)}  {text}"))
