"""The event loop's own threads are the users': the node does not wait for one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Module, modules

COMMANDS = "cli"
"""They call no handlers."""


def borrowings(syntax: ast.Module) -> Iterator[str]:
    """Where a module calls something in a thread of the loop's."""
    for node in ast.walk(syntax):
        match node:
            case (
                ast.Attribute(attr="to_thread")
                | ast.alias(name="to_thread")
                | ast.Call(
                    func=ast.Attribute(attr="run_in_executor"),
                    args=[ast.Constant(value=None), *_],
                )
            ):
                yield f"line {node.lineno}"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_the_node_takes_no_thread_of_the_loop(module: Module) -> None:
    if module.room != COMMANDS:
        assert list(borrowings(module.syntax)) == []


@pytest.mark.parametrize(
    "source",
    [
        "await asyncio.to_thread(work)",
        "from asyncio import to_thread as beside",
        "await to_thread.run_sync(work)\nfrom anyio import to_thread",
        "loop.run_in_executor(None, work)",
        "get_running_loop().run_in_executor(None, work, 1)",
    ],
)
def test_a_thread_of_the_loop_is_found_however_it_is_taken(source: str) -> None:
    assert list(borrowings(ast.parse(source)))


def test_threads_of_a_pool_of_its_own_are_nobody_elses() -> None:
    assert list(borrowings(ast.parse("loop.run_in_executor(self._threads, work)"))) == []
