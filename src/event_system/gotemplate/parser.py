"""Turns a template's text into nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from event_system.gotemplate.lexer import Piece, Token, pieces
from event_system.gotemplate.literals import read_character, read_string
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
from event_system.kernel.errors import TemplateError

MAX_SOURCE: Final = 262_144
MAX_DEPTH: Final = 50
T = TypeVar("T")

_WORDS: Final = {"true": True, "false": False, "nil": None}


def parse(source: str, name: str) -> tuple[Nodes, dict[str, Nodes]]:
    """The nodes of the text itself, and those of the templates that it defines.

    Raises `TemplateError`, which says in which line.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"has over {MAX_SOURCE:,} characters", where=name)
    return _Parser(pieces(source, name), name).whole()


class _Parser:
    def __init__(self, found: Iterator[Piece], name: str) -> None:
        self._pieces = found
        self._name = name
        self._defined: dict[str, Nodes] = {}
        self._depth = 0

    def whole(self) -> tuple[Nodes, dict[str, Nodes]]:
        nodes, end = self._nodes()
        if end is not None:
            raise TemplateError(f"`{end[0]}` without a beginning", where=self._name)
        return nodes, self._defined

    def _nodes(self) -> tuple[Nodes, tuple[str, Actions] | None]:
        """Nodes up to an `end` or `else`, and that."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError("blocks are nested too deeply", where=self._name)
        found: list[Node] = []
        for piece in self._pieces:
            if piece.tokens is None:
                found.append(Text(piece.text))
                continue
            actions = Actions(piece.tokens, f"{self._name}:{piece.line}", piece.line)
            word = actions.keyword()
            if word in ("end", "else"):
                self._depth -= 1
                return tuple(found), (word, actions)
            node = self._node(word, actions)
            if node is not None:
                found.append(node)
        self._depth -= 1
        return tuple(found), None

    def _node(self, word: str, actions: Actions) -> Node | None:  # noqa: PLR0911 - one for each word
        if word in ("if", "with"):
            return self._if(actions, sets_dot=word == "with")
        if word == "range":
            pipeline = actions.pipeline()
            body, otherwise = self._branches(actions)
            return Range(pipeline, body, otherwise)
        if word == "define":
            self._define(actions)
            return None
        if word == "block":
            name = self._define(actions)
            return Call(name, actions.pipeline(), actions.line)
        if word == "template":
            name = actions.string()
            return Call(name, None if actions.at_end() else actions.pipeline(), actions.line)
        if word in ("break", "continue"):
            return Jump(word == "break")
        return Output(actions.pipeline())

    def _if(self, actions: Actions, *, sets_dot: bool) -> If:
        pipeline = actions.pipeline()
        then, otherwise = self._branches(actions)
        return If(pipeline, then, otherwise, sets_dot)

    def _branches(self, opened: Actions) -> tuple[Nodes, Nodes]:
        body, end = self._ended(opened)
        word, actions = end
        if word == "end":
            return body, ()
        if actions.at_end():
            otherwise, last = self._ended(opened)
            if last[0] != "end":
                raise TemplateError("`else` after `else`", where=opened.where)
            return body, otherwise
        following = actions.keyword()
        if following not in ("if", "with"):
            raise actions.unexpected()
        return body, (self._if(actions, sets_dot=following == "with"),)

    def _ended(self, opened: Actions) -> tuple[Nodes, tuple[str, Actions]]:
        nodes, end = self._nodes()
        if end is None:
            raise TemplateError("a block is not ended: `{{ end }}` is missing", where=opened.where)
        return nodes, end

    def _define(self, actions: Actions) -> str:
        name = actions.string()
        nodes, end = self._ended(actions)
        if end[0] != "end":
            raise TemplateError("`else` in a definition", where=actions.where)
        self._defined[name] = nodes
        return name


class Actions:
    """The tokens of one action, read from left to right."""

    def __init__(self, tokens: tuple[Token, ...], where: str, line: int) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self.where = where
        self.line = line

    def at_end(self) -> bool:
        return self._place >= len(self._tokens)

    def unexpected(self) -> TemplateError:
        told = "the end of the action" if self.at_end() else repr(self._tokens[self._place].text)
        return TemplateError(f"unexpected {told}", where=self.where)

    def keyword(self) -> str:
        """The word that the action begins with, taken if it is one of the language's own."""
        token = self._peek()
        known = (
            *("if", "else", "end", "range", "with", "define", "block", "template"),
            *("break", "continue"),
        )
        if token is not None and token.kind == "word" and token.text in known:
            self._place += 1
            return token.text
        return ""

    def string(self) -> str:
        token = self._peek()
        if token is None or token.kind != "string":
            raise self.unexpected()
        self._place += 1
        return _read(read_string, token.text, self.where)

    def pipeline(self) -> Pipeline:
        """All that is left."""
        found = self._pipeline()
        if not self.at_end():
            raise self.unexpected()
        return found

    def _peek(self, ahead: int = 0) -> Token | None:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _is_mark(self, *texts: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token is not None and token.kind == "mark" and token.text in texts

    def _pipeline(self) -> Pipeline:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError("parentheses are nested too deeply", where=self.where)
        declares, assigns = self._declared()
        commands = [self._command()]
        while self._is_mark("|"):
            self._place += 1
            commands.append(self._command())
        self._depth -= 1
        return Pipeline(tuple(commands), declares, assigns, self.line)

    def _declared(self) -> tuple[tuple[str, ...], bool]:
        """The variables before `:=` or `=`, and whether it is the latter."""
        names: list[str] = []
        ahead = 0
        while (token := self._peek(ahead)) is not None and token.kind == "variable":
            names.append(token.text)
            if self._is_mark(":=", "=", ahead=ahead + 1):
                assigns = self._is_mark("=", ahead=ahead + 1)
                self._place += ahead + 2
                return tuple(names), assigns
            if not self._is_mark(",", ahead=ahead + 1):
                break
            ahead += 2
        return (), False

    def _command(self) -> Command:
        operand = self._operand()
        arguments = []
        while not self.at_end() and not self._is_mark("|", ")"):
            arguments.append(self._operand())
        return Command(operand, tuple(arguments))

    def _operand(self) -> Operand:
        token = self._peek()
        if token is None:
            raise self.unexpected()
        found = self._first(token)
        names: list[str] = []
        while (following := self._peek()) and following.kind == "field" and following.glued:
            names.append(following.text[1:])
            self._place += 1
        if not names:
            return found
        if isinstance(found, Access):
            return Access(found.of, (*found.names, *names))
        return Access(found, tuple(names))

    def _first(self, token: Token) -> Operand:
        if self._is_mark("("):
            self._place += 1
            inner = self._pipeline()
            if not self._is_mark(")"):
                raise self.unexpected()
            self._place += 1
            return inner
        if token.kind == "mark":
            raise self.unexpected()
        self._place += 1
        return self._simple(token)

    def _simple(self, token: Token) -> Operand:  # noqa: PLR0911 - one for each kind
        match token.kind:
            case "field":
                return Access(Dot(), (token.text[1:],))
            case "dot":
                return Dot()
            case "variable":
                return Variable(token.text)
            case "word":
                if token.text in _WORDS:
                    return Literal(_WORDS[token.text])
                return Function(token.text)
            case "number":
                return Literal(_number(token.text))
            case "char":
                return Literal(_read(read_character, token.text, self.where))
            case _:
                return Literal(_read(read_string, token.text, self.where))


def _read(literal: Callable[[str], T], text: str, where: str) -> T:
    try:
        return literal(text)
    except ValueError as error:
        raise TemplateError(f"the literal {text[:80]} cannot be read", where=where) from error


def _number(text: str) -> int | float:
    if text.lower().lstrip("+-").startswith("0x"):
        return int(text, 16)
    try:
        return int(text)
    except ValueError:
        found = float(text)
        return int(found) if found.is_integer() and "e" in text.lower() else found
