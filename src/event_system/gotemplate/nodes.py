"""What a template is made of once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """Written as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or nil."""

    value: Any


@dataclass(frozen=True, slots=True)
class Dot:
    """The current value."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x`; `$` alone is the value that the template was given."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """`.A.B` of something."""

    of: Operand
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """An operand, called with arguments where there are some."""

    operand: Operand
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each given what the one before came to; `declares` names what is set."""

    commands: tuple[Command, ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False
    line: int = 0


Operand: TypeAlias = Literal | Dot | Variable | Function | Access | Pipeline


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ pipeline }}`."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """`with` is an `if` whose value becomes the dot."""

    pipeline: Pipeline
    then: Nodes
    otherwise: Nodes
    sets_dot: bool


@dataclass(frozen=True, slots=True)
class Range:
    """`{{ range pipeline }}`."""

    pipeline: Pipeline
    body: Nodes
    otherwise: Nodes


@dataclass(frozen=True, slots=True)
class Call:
    """`{{ template "name" pipeline }}`."""

    name: str
    pipeline: Pipeline | None
    line: int


@dataclass(frozen=True, slots=True)
class Jump:
    """`{{ break }}` and `{{ continue }}`."""

    ends: bool


Node: TypeAlias = Text | Output | If | Range | Call | Jump
Nodes: TypeAlias = tuple[Node, ...]
