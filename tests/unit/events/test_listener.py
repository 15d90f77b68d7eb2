"""Declaring and finding listeners."""

import types
from typing import Any

import pytest

from event_system.events.event import Event
from event_system.events.listener import Listener, listener, listeners_of
from event_system.events.registry import Registry
from event_system.kernel.errors import InvalidPatternError, ListenerDefinitionError


async def handle(event: Event) -> None:
    """Nothing."""


def declared(name: str, *patterns: str, **options: Any) -> Listener:
    return Listener(name=name, patterns=patterns, handler=handle, **options)


def test_a_decorated_function_stays_callable_and_declares_its_listeners() -> None:
    @listener("a.*", name="one")
    @listener("b", name="two", mode="sync", priority=3)
    def both(event: object) -> str:
        return "called"

    assert both(None) == "called"
    assert [found.name for found in listeners_of(both)] == ["two", "one"]


def test_a_module_declares_what_its_functions_declare_once() -> None:
    module = types.ModuleType("game")
    function = listener("a", name="one")(lambda event: None)
    module.f = function  # type: ignore[attr-defined]
    module.again = function  # type: ignore[attr-defined]
    module.value = declared("two", "b")  # type: ignore[attr-defined]
    assert [found.name for found in listeners_of(module)] == ["one", "two"]


def test_a_function_without_declaration_is_refused() -> None:
    with pytest.raises(ListenerDefinitionError):
        listeners_of(print)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": float("nan")},
        {"batch": -1},
        {"batch": 10_001},
        {"batch": 5, "mode": "sync"},
        {"mode": "later"},
        {"start": "yesterday"},
        {"workers": 0},
        {"process": True, "mode": "sync"},
        {"process": True, "batch": 5},
    ],
)
def test_an_impossible_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ListenerDefinitionError):
        declared("x", "a", **options)


def test_a_malformed_pattern_is_refused() -> None:
    with pytest.raises(InvalidPatternError):
        declared("x", "a..b")


def test_plain_functions_run_in_threads_and_coroutines_do_not() -> None:
    class Calls:
        async def __call__(self, event: Event) -> None: ...

    assert not declared("x", "a").runs_in_thread
    assert not Listener(name="y", patterns=("a",), handler=Calls()).runs_in_thread
    assert Listener(name="z", patterns=("a",), handler=lambda event: None).runs_in_thread


def test_sync_listeners_are_ordered_by_priority_then_name() -> None:
    registry = Registry(
        [
            declared("b", "a", mode="sync"),
            declared("a", "a", mode="sync"),
            declared("z", "*", mode="sync", priority=9),
            declared("async", "a"),
        ]
    )
    route = registry.route("a")
    assert [entry.listener.name for entry in route.sync] == ["z", "a", "b"]
    assert [entry.listener.name for entry in route.deferred] == ["async"]


def test_a_listener_with_two_matching_patterns_is_found_once() -> None:
    route = Registry([declared("x", "a.*", "a.>", "a.b")]).route("a.b")
    assert len(route.deferred) == 1


def test_two_listeners_of_one_name_are_refused() -> None:
    with pytest.raises(ListenerDefinitionError, match="two listeners"):
        Registry([declared("x", "a"), declared("x", "b")])
