"""Whether the library that speaks to a kind of backbone is installed. Imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from event_system.kernel.errors import MissingBackboneError

_LIBRARIES = {
    "kafka": ("aiokafka", "aiokafka"),
    "nats": ("nats", "nats-py"),
    "rabbitmq": ("aiormq", "aiormq"),
}
"""Of a kind, which is the name of its extra too: the module and the distribution."""


def demand(kind: str) -> None:
    """Raises `MissingBackboneError` where the extra of this kind is not installed."""
    module, library = _LIBRARIES[kind]
    if find_spec(module) is None:
        raise MissingBackboneError(f"{kind} needs {library}: pip install 'event-system[{kind}]'")
