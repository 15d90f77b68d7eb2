"""Runs benchmarks and writes what came out to docs/performance.md and .build/bench/."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
import traceback
from pathlib import Path

from benchmarks.report import RAW, Run, Section, commit, machine

NAMES = (
    *("http_single", "delivery", "batch", "sync_dispatch", "many_listeners", "inprocess"),
    *("idle", "large", "peers", "everything_on", "scheduled", "retries"),
    *("retention", "replay", "sql_log", "jetstream", "backlog", "worker_processes", "timeseries"),
    *("metrics_instruments", "metrics_on"),
    *("alerting", "alertmanager"),
    "promql",
    "forecast",
)


def main() -> int:
    options = _options()
    RAW.mkdir(parents=True, exist_ok=True)
    where, what = machine(), commit()
    failed = False
    for name in options.names or NAMES:
        section = _measure(name, Run(options.quick, options.events), where, what)
        section.save()
        if options.write and not options.quick:
            section.write(options.write, NAMES)
        failed |= section.failed()
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    names = "\n".join(f"  {name:16}{_about(name).partition(chr(10))[0]}" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description=__doc__,
        epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all")
    parser.add_argument("--quick", action="store_true", help="small and rough; writes no page")
    parser.add_argument("--events", type=int, help="how much to store where much is stored first")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the page to renew")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    return options


def _about(name: str) -> str:
    """What a benchmark's module says of itself, without importing what it measures."""
    path = Path(__file__).parent / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def _measure(name: str, run: Run, where: str, what: str) -> Section:
    print(name, flush=True)
    error = ""
    try:
        importlib.import_module(f"benchmarks.{name}").run(run)
    except Exception as failure:  # noqa: BLE001 - the others are still measured
        traceback.print_exc()
        error = f"{type(failure).__name__}: {str(failure)[:300]}"
    events = f" --events {run.events}" if run.events else ""
    command = f'make bench ARGS="{name}{events}"'
    return Section(name, _about(name), command, where, what, run.rows, error)


if __name__ == "__main__":
    sys.exit(main())
