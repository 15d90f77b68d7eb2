"""Time, chance and the environment come in from outside: the composition root reads them.

The commands are where a process begins: they may hand the environment and chance on, but have no
clock.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Module, modules

ALLOWED_ROOM = "node"
ALLOWED_MODULES = {"kernel/chance.py", "kernel/clock.py"}
ALLOWED_IN_COMMANDS = ("os.environ", "os.urandom")
READS = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.urandom",
    "time.gmtime",
    "time.localtime",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid6",
    "uuid.uuid7",
}
CHANCE = {"random", "secrets"}


def reads(syntax: ast.Module) -> Iterator[str]:
    """Where a module names one of the forbidden things, under whatever name it was imported."""
    origins = dict(_origins(syntax))
    for node in ast.walk(syntax):
        if isinstance(node, ast.Name | ast.Attribute):
            name = _full_name(node, origins)
            if name in READS or name.partition(".")[0] in CHANCE & set(origins.values()):
                yield f"line {node.lineno}: {name}"


def _origins(syntax: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(syntax):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, origins: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, origins)}.{node.attr}"
    return origins.get(node.id, "") if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_only_the_composition_root_and_the_clock_read_the_world(module: Module) -> None:
    if module.room == ALLOWED_ROOM or module.name in ALLOWED_MODULES:
        return
    handed_on = ALLOWED_IN_COMMANDS if module.room == "cli" else ()

    assert [read for read in reads(module.syntax) if not read.endswith(handed_on)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\nnow = time.time()",
        "import time as t\nnow = t.monotonic",
        "from time import monotonic as tick\nnow = tick()",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.now()",
        "import os\nhome = os.environ['HOME']",
        "from uuid import uuid4\nid = uuid4()",
        "import random\nx = random.random()",
    ],
)
def test_a_read_is_found_under_any_name(source: str) -> None:
    assert list(reads(ast.parse(source)))


def test_a_clock_that_was_passed_in_is_no_read() -> None:
    assert list(reads(ast.parse("def f(clock):\n    return clock.time()"))) == []
