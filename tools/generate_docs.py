"""Writes the files that are made from the code: `python -m tools.generate_docs`.

They are pages of docs/, the dashboards of deploy/grafana/ and the alerts of deploy/prometheus/.

`--check` writes nothing and names those that are stale, with exit code 1. A new page is a
function that returns its text, and a line in `PAGES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from event_system.http.errors_doc import errors_markdown
from event_system.metrics.reference.page import metrics_markdown
from event_system.node.effective import configuration_markdown
from tools.alerts.pages import PAGES as ALERTS
from tools.command_reference import commands_markdown
from tools.dashboards.pages import PAGES as DASHBOARDS
from tools.finding_reference import findings_markdown
from tools.uv import ROOT

PAGES: dict[str, Callable[[], str]] = {
    "docs/cli.md": commands_markdown,
    "docs/configuration.md": configuration_markdown,
    "docs/errors.md": errors_markdown,
    "docs/findings.md": findings_markdown,
    "docs/metrics.md": metrics_markdown,
    **ALERTS,
    **DASHBOARDS,
}


def fresh(page: str) -> str:
    """What the page has to say now."""
    return PAGES[page]().rstrip() + "\n"


def stale() -> list[str]:
    """The pages that say something else than the code, or do not exist."""
    return [page for page in PAGES if _kept(page) != fresh(page)]


def _kept(page: str) -> str | None:
    path = ROOT / page
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """Exit code 1 when pages are stale and are to stay so."""
    pages = stale()
    for page in pages:
        if "--check" in arguments:
            print(f"{page} is stale: run `make docs`", file=sys.stderr)
        else:
            (ROOT / page).write_text(fresh(page), encoding="utf-8")
            print(f"wrote {page}")
    return 1 if pages and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
