"""Whether a new schema accepts every document that the old one accepts.

Both schemas are taken apart into conjuncts, and each keyword of the new one has to follow from
some conjunct of the old one. That is sound and not complete: what cannot be decided is told,
and counts as incompatible. `jsonschema_rs` is asked for a second opinion on those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from event_system.events.catalogue.narrowing import PLAIN, finite, may_be
from event_system.events.catalogue.schemas import objects, resolve

MAX_COMPARISONS: Final = 20_000
MAX_FOUND: Final = 50
_NESTED: Final = frozenset(
    ("properties", "patternProperties", "additionalProperties", "items", "prefixItems")
)
_TAKEN_APART: Final = ("$ref", "allOf")
_CONDITION: Final = ("if", "then", "else")
_CONTAINS: Final = ("contains", "minContains", "maxContains")
_KEPT: Final = {
    **dict.fromkeys(_CONDITION, _CONDITION),
    **dict.fromkeys(_CONTAINS, _CONTAINS),
    **{
        name: (name,)
        for name in (
            *("not", "oneOf", "propertyNames", "dependentRequired", "dependentSchemas"),
            *("dependencies", "contentEncoding", "contentMediaType"),
        )
    },
}
"""Keywords that are not compared, only found to be the same, with those they work with."""
_ELSEWHERE: Final = ("'$ref'", "'$dynamicRef'", "'$recursiveRef'")
_OPAQUE: Final = frozenset(
    (
        *("$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems"),
        "additionalItems",
    )
)
_LEGACY: Final = ("draft-06", "draft-07")
_MODERN: Final = ("2019-09", "2020-12")


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """What of the new schema may refuse old documents: the place in it, and why.

    `decided` is False where it could not be found out.
    """

    where: str
    detail: str
    decided: bool = True


def incompatibilities(old: Any, new: Any) -> list[Incompatibility]:
    """Why a document that fits `old` may not fit `new`; empty where every one does. Pure."""
    if old == new and repr(old) == repr(new):  # `repr`: true is not 1
        return []
    dialect = _dialect(old)
    if _embeds(old) or _embeds(new):
        return _unless_covered(old, new, [_undecided("#", "a part has an `$id` of its own")])
    if dialect != _dialect(new) or dialect not in (*_LEGACY, *_MODERN):
        return _unless_covered(old, new, [_undecided("#/$schema", "the dialects differ")])
    try:
        found = list(_Comparison(old, new, legacy=dialect in _LEGACY).faults(old, new, "#"))
    except RecursionError:
        found = [_undecided("#", "the schemas are too intricate")]
    return _unless_covered(old, new, found)[:MAX_FOUND]


def _dialect(schema: Any) -> str:
    named = schema.get("$schema", "2020-12") if isinstance(schema, dict) else "2020-12"
    return next((name for name in (*_LEGACY, *_MODERN) if name in str(named)), str(named))


def _embeds(schema: Any) -> bool:
    """Whether references inside may mean something else than a place in this document."""
    return any("$id" in node for node in objects(schema) if node is not schema)


def _unless_covered(old: Any, new: Any, found: list[Incompatibility]) -> list[Incompatibility]:
    """Nothing, where all that was found is undecided and the second opinion proves coverage."""
    if not found or any(each.decided for each in found):
        return found
    import jsonschema_rs  # loaded where there are schemas
    from jsonschema_rs import canonical

    try:
        wide = jsonschema_rs.canonicalize(new, validate_formats=True, offline=True)
        narrow = jsonschema_rs.canonicalize(old, validate_formats=True, offline=True)
        proven = wide.covers(narrow) == canonical.Containment.YES
    except (ValueError, jsonschema_rs.ReferencingError):
        proven = False
    return [] if proven else found


def _undecided(where: str, detail: str) -> Incompatibility:
    return Incompatibility(where, f"cannot be decided: {detail}", decided=False)


class _Comparison:
    """One comparison of two documents; `faults` compares parts of them."""

    def __init__(self, old_root: Any, new_root: Any, *, legacy: bool) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._legacy = legacy
        self._open: set[tuple[int, int]] = set()
        self._left = MAX_COMPARISONS

    def faults(self, old: Any, new: Any, where: str) -> Iterator[Incompatibility]:
        """Why `old` does not imply `new`, which stands at `where`."""
        old, new = _target(old, self._old_root), _target(new, self._new_root)
        pair = (id(old), id(new))
        if new is True or old is False or pair in self._open:
            return  # a pair that is being compared further out: true if all the rest is
        self._left -= 1
        if self._left < 0:
            yield _undecided(where, "the schemas are too intricate")
            return
        self._open.add(pair)
        try:
            conjuncts = list(self._conjuncts(old, self._old_root))
            for part in self._conjuncts(new, self._new_root):
                yield from self._part(conjuncts, part, where)
        finally:
            self._open.discard(pair)

    def implies(self, old: Any, new: Any) -> bool:
        return not any(self.faults(old, new, "#"))

    # Conjuncts

    def _conjuncts(self, schema: Any, root: Any) -> Iterator[dict[str, Any]]:
        """The schema as parts that all have to hold: without `$ref` and `allOf`."""
        seen: set[int] = set()
        waiting = [schema]
        while waiting:
            node = waiting.pop()
            if isinstance(node, bool):
                yield {} if node else {"enum": []}
            if not isinstance(node, dict) or id(node) in seen:
                continue
            seen.add(id(node))
            alone = self._legacy and "$ref" in node  # what stands beside it does not count
            plain = {} if alone else {k: v for k, v in node.items() if k not in _TAKEN_APART}
            waiting.extend(() if alone else node.get("allOf", ()))
            if "$ref" in node:
                target = resolve(root, node["$ref"])
                if target is None:
                    plain["$dynamicRef"] = node["$ref"]  # cannot be followed: undecided
                waiting.append(target)
            yield plain

    def _part(
        self, conjuncts: Sequence[dict[str, Any]], new: dict[str, Any], where: str
    ) -> Iterator[Incompatibility]:
        for keyword in self._groups(new):
            attempts = []
            for old in conjuncts:
                attempts.append(list(self._keyword(old, new, keyword, where)))
                if not attempts[-1]:
                    break
            else:
                if not any(self._branches(old, new, keyword) for old in conjuncts):
                    yield from min(attempts, key=len, default=())

    def _groups(self, new: dict[str, Any]) -> Iterator[str]:
        """The keywords of a part that assert something; those that belong together once."""
        known = {*PLAIN, *_KEPT, *_OPAQUE, "anyOf"}
        yield from (keyword for keyword in new if keyword in known)
        if _NESTED & new.keys():
            yield "properties"

    def _branches(self, old: dict[str, Any], new: dict[str, Any], keyword: str) -> bool:
        """Whether every branch of an alternative of the old part implies the keyword."""
        return any(
            all(self._branch(branch, new, keyword) for branch in old[alternative])
            for alternative in ("anyOf", "oneOf")
            if old.get(alternative)
        )

    def _branch(self, branch: Any, new: dict[str, Any], keyword: str) -> bool:
        self._left -= 1
        if branch is False:
            return True
        parts = list(self._conjuncts(branch, self._old_root))
        return self._left > 0 and not any(self._part(parts, _only(new, keyword), "#"))

    # Keywords

    def _keyword(
        self, old: dict[str, Any], new: dict[str, Any], keyword: str, where: str
    ) -> Iterator[Incompatibility]:
        if old.get("enum") == []:  # nothing fits the old part
            return
        if keyword == "properties":
            yield from self._members(old, new, where)
            yield from self._elements(old, new, where)
        elif keyword == "anyOf":
            if not any(self.implies(old, branch) for branch in new["anyOf"]):
                yield _undecided(f"{where}/anyOf", "no branch takes all that was accepted")
        elif keyword in PLAIN:
            problem = PLAIN[keyword](old, new)
            if problem and not self._each_fits(old, _only(new, keyword)):
                yield Incompatibility(f"{where}/{keyword}", *problem)
        elif keyword not in _KEPT or not _same(old, new, _KEPT[keyword]):
            yield _undecided(f"{where}/{keyword}", f"`{keyword}` is not compared")

    def _each_fits(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """Whether the old part lists its values, and each fits the keyword."""
        values = finite(old)
        if values is None:
            return False
        import jsonschema_rs  # loaded where there are schemas

        validator = jsonschema_rs.validator_for(new, validate_formats=True)
        return all(map(validator.is_valid, values))

    def _members(
        self, old: dict[str, Any], new: dict[str, Any], where: str
    ) -> Iterator[Incompatibility]:
        if not may_be(old, "object"):
            return
        named, wanted = old.get("properties", {}), new.get("properties", {})
        matched, asked = old.get("patternProperties", {}), new.get("patternProperties", {})
        others, open_ = old.get("additionalProperties", True), new.get("additionalProperties", True)
        unnamed = [others, *matched.values()]  # what a member that has no name of its own may be
        for name, schema in wanted.items():
            at = f"{where}/properties/{escaped(name)}"
            for before in [named[name]] if name in named else unnamed:
                yield from self.faults(before, schema, at)
        for pattern, schema in asked.items():
            at = f"{where}/patternProperties/{escaped(pattern)}"
            if pattern in matched:
                yield from self.faults(matched[pattern], schema, at)
            elif schema is not True:
                yield _undecided(at, "which members it meets")
        at = f"{where}/additionalProperties"
        for name in sorted(named.keys() - wanted.keys()):
            yield from self._closed(named[name], open_, at, f"`{name}`")
        for pattern in sorted(matched.keys() - asked.keys()):
            yield from self._closed(matched[pattern], open_, at, f"members like `{pattern}`")
        yield from self._closed(others, open_, at, "other members")

    def _closed(self, old: Any, new: Any, where: str, what: str) -> Iterator[Incompatibility]:
        if new is False and old is not False:
            yield Incompatibility(where, f"{what} may have been there, and are refused now")
        else:
            yield from self.faults(old, new, where)

    def _elements(
        self, old: dict[str, Any], new: dict[str, Any], where: str
    ) -> Iterator[Incompatibility]:
        if not may_be(old, "array") or not {"items", "prefixItems"} & new.keys():
            return
        if isinstance(old.get("items"), list) or isinstance(new.get("items"), list):
            yield _undecided(f"{where}/items", "`items` is a list")
            return
        first, second = old.get("prefixItems", []), new.get("prefixItems", [])
        rest, wanted = old.get("items", True), new.get("items", True)
        for index in range(max(len(first), len(second))):
            before = first[index] if index < len(first) else rest
            after = second[index] if index < len(second) else wanted
            place = f"prefixItems/{index}" if index < len(second) else "items"
            yield from self.faults(before, after, f"{where}/{place}")
        yield from self.faults(rest, wanted, f"{where}/items")


def _target(schema: Any, root: Any) -> Any:
    """What a schema that is nothing but a reference stands for, so that a cycle is seen."""
    if isinstance(schema, dict) and schema.keys() == {"$ref"}:
        return resolve(root, schema["$ref"]) or schema
    return schema


def _only(part: dict[str, Any], keyword: str) -> dict[str, Any]:
    names = _NESTED if keyword == "properties" else (keyword,)
    return {name: value for name, value in part.items() if name in names}


def _same(old: dict[str, Any], new: dict[str, Any], names: Sequence[str]) -> bool:
    """Whether these keywords are equal, and mean the same wherever they stand."""
    first, second = ([part.get(name) for name in names] for part in (old, new))
    text = repr(first)
    return text == repr(second) and not any(name in text for name in _ELSEWHERE)


def escaped(name: str) -> str:
    """A member's name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
