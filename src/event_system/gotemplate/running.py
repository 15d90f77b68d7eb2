"""Runs a parsed template over a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Final

from event_system.gotemplate.functions import MAX_TEXT, is_true, shown
from event_system.gotemplate.nodes import (
    Access,
    Call,
    Command,
    Dot,
    Function,
    If,
    Jump,
    Literal,
    Node,
    Nodes,
    Operand,
    Output,
    Pipeline,
    Range,
    Text,
    Variable,
)
from event_system.gotemplate.values import Html, Methods, Record, Texts
from event_system.kernel.errors import TemplateError

MAX_STEPS: Final = 500_000
MAX_CALLS: Final = 50
_SAFE_SCHEMES: Final = ("http:", "https:", "mailto:")
_NOTHING: Final = object()
_NO_VARIABLES: Final[Mapping[str, Any]] = {}


class _Stop(Exception):  # noqa: N818 - a jump, not an error
    """`break`, or with `ends` False `continue`."""

    def __init__(self, *, ends: bool) -> None:
        super().__init__()
        self.ends = ends


class Run:
    """One rendering. As HTML, what is put out is escaped.

    `functions` may be called by name, `methods` on values of their types.
    """

    def __init__(
        self,
        templates: Mapping[str, Nodes],
        name: str,
        functions: Mapping[str, Callable[..., Any]],
        methods: Mapping[type, Methods],
        *,
        as_html: bool,
    ) -> None:
        self._templates = templates
        self._name = name
        self._functions = functions
        self._methods = methods
        self._as_html = as_html
        self._out: list[str] = []
        self._size = 0
        self._steps = 0
        self._calls = 0
        self._scopes: list[dict[str, Any]] = []

    def of(self, nodes: Nodes, dot: Any, variables: Mapping[str, Any] = _NO_VARIABLES) -> str:
        """The text. Raises `TemplateError`."""
        try:
            self._called(nodes, dot, variables)
        except _Stop:
            raise TemplateError("`break` or `continue` outside of `range`") from None
        except RecursionError:
            raise TemplateError("is nested too deeply", where=self._name) from None
        return "".join(self._out)

    def _called(self, nodes: Nodes, dot: Any, variables: Mapping[str, Any] = _NO_VARIABLES) -> None:
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise TemplateError(
                f"templates call each other over {MAX_CALLS} deep", where=self._name
            )
        outer = self._scopes
        self._scopes = [{"$": dot, **variables}]
        self._block(nodes, dot)
        self._scopes = outer
        self._calls -= 1

    def _block(self, nodes: Nodes, dot: Any) -> None:
        depth = len(self._scopes)
        self._scopes.append({})
        try:
            for node in nodes:
                self._node(node, dot)
        finally:
            del self._scopes[depth:]

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TemplateError(f"takes over {MAX_STEPS:,} steps", where=self._name)

    def _node(self, node: Node, dot: Any) -> None:
        self._step()
        match node:
            case Text(text):
                self._put(text)
            case Output(pipeline):
                value = self._pipeline(pipeline, dot)
                if not pipeline.declares:
                    self._put(self._safe(value))
            case If():
                self._if(node, dot)
            case Range():
                self._range(node, dot)
            case Call(name, pipeline, line):
                if name not in self._templates:
                    raise TemplateError(f"no template {name!r}", where=f"{self._name}:{line}")
                given = None if pipeline is None else self._pipeline(pipeline, dot)
                self._called(self._templates[name], given)
            case Jump(ends):
                raise _Stop(ends=ends)

    def _put(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise TemplateError(f"comes to over {MAX_TEXT:,} characters", where=self._name)
        self._out.append(text)

    def _safe(self, value: Any) -> str:
        text = shown(value)
        if not self._as_html or isinstance(value, Html):
            return text
        before = "".join(self._out[-2:])[-8:].lower()
        is_link = before.endswith(('href="', 'src="', "href='", "src='"))
        if is_link and ":" in text and not text.strip().lower().startswith(_SAFE_SCHEMES):
            return "#"
        return escape(text)

    def _if(self, node: If, dot: Any) -> None:
        depth = len(self._scopes)
        self._scopes.append({})
        value = self._pipeline(node.pipeline, dot)
        if is_true(value):
            self._block(node.then, value if node.sets_dot else dot)
        else:
            self._block(node.otherwise, dot)
        del self._scopes[depth:]

    def _range(self, node: Range, dot: Any) -> None:
        depth = len(self._scopes)
        names = node.pipeline.declares
        found = self._commands(node.pipeline, dot)
        empty = True
        for key, value in _items(found):
            empty = False
            self._step()
            self._scopes.append(_declared(names, key, value))
            try:
                self._block(node.body, value)
            except _Stop as stop:
                if stop.ends:
                    break
            finally:
                del self._scopes[depth:]
        if empty:
            self._block(node.otherwise, dot)

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        try:
            value = self._commands(pipeline, dot)
        except TemplateError as error:
            if error.where is None:
                error.where = f"{self._name}:{pipeline.line}"
            raise
        for name in pipeline.declares:
            scope = self._scope_of(name) if pipeline.assigns else self._scopes[-1]
            scope[name] = value
        return value

    def _scope_of(self, name: str) -> dict[str, Any]:
        for place in range(len(self._scopes) - 1, -1, -1):
            if name in self._scopes[place]:
                return self._scopes[place]
        raise TemplateError(f"no variable {name}")

    def _commands(self, pipeline: Pipeline, dot: Any) -> Any:
        value: Any = _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        return value

    def _command(self, command: Command, dot: Any, last: Any) -> Any:
        self._step()
        operand = command.operand
        if isinstance(operand, Function) and operand.name in ("and", "or"):
            return self._and_or(operand.name, command, dot, last)
        arguments = [self._value(argument, dot) for argument in command.arguments]
        if last is not _NOTHING:
            arguments.append(last)
        if isinstance(operand, Function):
            return _call(operand.name, self._functions.get(operand.name), arguments)
        if isinstance(operand, Access):
            *path, name = operand.names
            owner = self._value(operand.of, dot)
            for step in path:
                owner = self._member(owner, step, [])
            return self._member(owner, name, arguments)
        if arguments:
            raise TemplateError("only functions and methods take arguments")
        return self._value(operand, dot)

    def _and_or(self, name: str, command: Command, dot: Any, last: Any) -> Any:
        values: Iterator[Any] = (self._value(argument, dot) for argument in command.arguments)
        found: Any = _NOTHING
        for value in _with_last(values, last):
            found = value
            if is_true(value) == (name == "or"):
                return value
        if found is _NOTHING:
            raise TemplateError(f"`{name}` wants a value at least")
        return found

    def _value(self, operand: Operand, dot: Any) -> Any:
        self._step()
        match operand:
            case Literal(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                return self._scope_of(name)[name]
            case Function(name):
                return _call(name, self._functions.get(name), [])
            case Access(of, names):
                found = self._value(of, dot)
                for name in names:
                    found = self._member(found, name, [])
                return found
            case Pipeline():
                return self._pipeline(operand, dot)

    def _member(self, owner: Any, name: str, arguments: list[Any]) -> Any:
        """A method's answer, or a member."""
        method = self._methods.get(type(owner), {}).get(name)
        if method is not None:
            return _call(name, method, [owner, *arguments])
        if arguments:
            raise TemplateError(f"`{name}` is no method")
        if isinstance(owner, Texts):
            return owner.get(name, "")
        if isinstance(owner, Record) and name in owner:
            return owner[name]
        raise TemplateError(f"`.{name}` is nothing here")


def _with_last(values: Iterator[Any], last: Any) -> Iterator[Any]:
    yield from values
    if last is not _NOTHING:
        yield last


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and values: of a mapping by key, of a list by place."""
    if isinstance(value, dict):
        return iter(sorted(value.items()))
    if isinstance(value, list):
        return enumerate(value)
    if value is None:
        return iter(())
    raise TemplateError(f"one cannot range over {type(value).__name__.lower()}")


def _declared(names: tuple[str, ...], key: Any, value: Any) -> dict[str, Any]:
    if len(names) == 2:
        return {names[0]: key, names[1]: value}
    return {names[0]: value} if names else {}


def _call(name: str, function: Any, arguments: list[Any]) -> Any:
    if function is None:
        raise TemplateError(f"no function `{name}`")
    try:
        found = function(*arguments)
    except TypeError as error:
        raise TemplateError(f"`{name}` cannot be called like this: {error}") from error
    if isinstance(found, str) and len(found) > MAX_TEXT:
        raise TemplateError(f"`{name}` makes over {MAX_TEXT:,} characters")
    return found
