"""Single keywords of a schema: whether the new one follows from the old part around it.

Each function is given two parts of schemas, without references, and answers why documents of
the old may be refused by this keyword of the new: `(detail, decided)`, or None where none is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias

Part: TypeAlias = Mapping[str, Any]
Problem: TypeAlias = tuple[str, bool] | None
Rule: TypeAlias = Callable[[Part, Part], Problem]

TYPES: Final = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))
MAX_SHOWN: Final = 60


def types_of(part: Part) -> frozenset[str]:
    """What a document that fits may be; `number` includes `integer`."""
    if (values := finite(part)) is not None:
        return frozenset(type_of(value) for value in values)
    named = part.get("type")
    if named is None:
        return TYPES
    return frozenset([named] if isinstance(named, str) else named)


def finite(part: Part) -> list[Any] | None:
    """The values of `enum` or `const`; None where they are not listed."""
    if "const" in part:
        return [part["const"]]
    return part.get("enum")


def type_of(value: Any) -> str:
    """The JSON Schema type of a value; 1.0 is an integer."""
    if isinstance(value, bool) or value is None:
        return "boolean" if isinstance(value, bool) else "null"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def may_be(part: Part, *names: str) -> bool:
    """Whether some document that fits is of one of these types."""
    return not types_of(part).isdisjoint(names)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _type(old: Part, new: Part) -> Problem:
    named = new["type"]
    allowed = {named} if isinstance(named, str) else set(named)
    if "number" in allowed:
        allowed.add("integer")
    lost = sorted(types_of(old) - allowed)
    return (f"no longer accepts {', '.join(lost)}", True) if lost else None


def _enum(old: Part, new: Part) -> Problem:
    return _listed(old, new["enum"])


def _const(old: Part, new: Part) -> Problem:
    return _listed(old, [new["const"]])


def _listed(old: Part, accepted: list[Any]) -> Problem:
    kept = {_exact(value) for value in accepted}
    values = finite(old)
    if values is None:
        values = [None] * ("null" in types_of(old)) + [True, False] * ("boolean" in types_of(old))
        if types_of(old) - {"null", "boolean"}:
            return f"accepts {len(accepted)} listed values only, where any was accepted", True
    lost = [value for value in values if _exact(value) not in kept]
    return (f"no longer accepts {', '.join(map(_shown, lost[:5]))}", True) if lost else None


def _exact(value: Any) -> str:
    """Equal for values that are equal in JSON Schema, where 1 is 1.0 and not true."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_exact, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{_exact(value[k])}" for k in sorted(value)) + "}"
    return json.dumps(value)


def _lower(exclusive: bool) -> Rule:
    def rule(old: Part, new: Part) -> Problem:
        if not may_be(old, "integer", "number"):
            return None
        bound = new["exclusiveMinimum" if exclusive else "minimum"]
        low, open_ = old.get("minimum"), old.get("exclusiveMinimum")
        if open_ is not None and open_ >= bound:
            return None
        if low is not None and (low > bound if exclusive else low >= bound):
            return None
        return f"is higher than it was ({_was(open_ if low is None else low)})", True

    return rule


def _upper(exclusive: bool) -> Rule:
    def rule(old: Part, new: Part) -> Problem:
        if not may_be(old, "integer", "number"):
            return None
        bound = new["exclusiveMaximum" if exclusive else "maximum"]
        high, open_ = old.get("maximum"), old.get("exclusiveMaximum")
        if open_ is not None and open_ <= bound:
            return None
        if high is not None and (high < bound if exclusive else high <= bound):
            return None
        return f"is lower than it was ({_was(open_ if high is None else high)})", True

    return rule


def _was(value: Any) -> str:
    return "without bound" if value is None else _shown(value)


def _least(keyword: str, type_: str) -> Rule:
    def rule(old: Part, new: Part) -> Problem:
        before = old.get(keyword, 0)
        if keyword == "minProperties":
            before = max(before, len(set(old.get("required", ()))))
        if not may_be(old, type_) or before >= new[keyword]:
            return None
        return f"is higher than it was ({before})", True

    return rule


def _most(keyword: str, type_: str) -> Rule:
    def rule(old: Part, new: Part) -> Problem:
        before = old.get(keyword)
        if not may_be(old, type_) or (before is not None and before <= new[keyword]):
            return None
        return f"is lower than it was ({_was(before)})", True

    return rule


def _multiple(old: Part, new: Part) -> Problem:
    if not may_be(old, "integer", "number"):
        return None
    wanted = Fraction(str(new["multipleOf"]))
    steps = [Fraction(str(old["multipleOf"]))] if "multipleOf" in old else []
    if not may_be(old, "number"):
        steps.append(Fraction(1))
    if any((step / wanted).denominator == 1 for step in steps):
        return None
    return f"accepts multiples of {new['multipleOf']} only", True


def _same(keyword: str, type_: str) -> Rule:
    def rule(old: Part, new: Part) -> Problem:
        if not may_be(old, type_) or old.get(keyword) == new[keyword]:
            return None
        if keyword in old:
            return f"cannot be decided: was {_shown(old[keyword])}", False
        return f"is new: {_shown(new[keyword])}", True

    return rule


def _unique(old: Part, new: Part) -> Problem:
    single = old.get("maxItems", 2) <= 1
    if not new["uniqueItems"] or not may_be(old, "array") or old.get("uniqueItems") or single:
        return None
    return "no longer accepts equal items", True


def _required(old: Part, new: Part) -> Problem:
    if not may_be(old, "object"):
        return None
    added = sorted(set(new["required"]) - set(old.get("required", ())))
    return (f"{', '.join(map(_shown, added))} was optional", True) if added else None


PLAIN: Final[Mapping[str, Rule]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _lower(exclusive=False),
    "exclusiveMinimum": _lower(exclusive=True),
    "maximum": _upper(exclusive=False),
    "exclusiveMaximum": _upper(exclusive=True),
    "multipleOf": _multiple,
    "minLength": _least("minLength", "string"),
    "maxLength": _most("maxLength", "string"),
    "pattern": _same("pattern", "string"),
    "format": _same("format", "string"),
    "minItems": _least("minItems", "array"),
    "maxItems": _most("maxItems", "array"),
    "uniqueItems": _unique,
    "required": _required,
    "minProperties": _least("minProperties", "object"),
    "maxProperties": _most("maxProperties", "object"),
}
"""The rule of each keyword that stands on its own."""
