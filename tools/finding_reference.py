"""`docs/findings.md`, from what a verification can find."""

from __future__ import annotations

from event_system.consistency import kinds
from event_system.consistency.kinds import Kind

INTRODUCTION = """\
# Findings

What [`event-system verify`](operations.md#does-it-all-agree) may find, by code. A repair is made
with `--repair` only; a notice is no fault. This page is generated (`make docs`).
"""


def findings_markdown() -> str:
    """Every kind of finding with its remedy."""
    known = [kind for kind in vars(kinds).values() if isinstance(kind, Kind)]
    return "\n".join([INTRODUCTION, *map(_entry, known)])


def _entry(kind: Kind) -> str:
    mark = " (a notice)" if kind.is_notice else ""
    return f"## `{kind.code}`\n\n{kind.title}{mark}. {kind.advice}\n"
