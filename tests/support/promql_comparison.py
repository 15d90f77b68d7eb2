"""Whether two answers to a query say the same."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx

from event_system.kernel.errors import PromqlError
from event_system.promql.encoding import encoded
from event_system.promql.engine import Engine, Question

RELATIVE, ABSOLUTE = 1e-9, 1e-9


def outcome(engine: Engine, question: Question) -> Any:
    """The answer's `data`, or the status of the error."""
    try:
        return json.loads(encoded(engine.answer(question)))
    except PromqlError as error:
        return {400: "bad_data", 422: "execution"}[error.status]


def difference(ours: Any, theirs: Any, *, ordered: bool = False) -> str:
    """What differs first; empty where nothing does. `theirs` is a whole answer."""
    if theirs["status"] == "error":
        return "" if ours == theirs["errorType"] else f"{ours} but {theirs['error']}"
    data = theirs["data"]
    if not isinstance(ours, dict):
        return f"{ours} but {str(data)[:500]}"
    if ours["resultType"] != data["resultType"]:
        return f"{ours['resultType']} but {data['resultType']}"
    if data["resultType"] in {"scalar", "string"}:
        same = _same(ours["result"], data["result"])
        return "" if same else f"{ours['result']} but {data['result']}"
    if ordered and [_key(row) for row in ours["result"]] != [_key(r) for r in data["result"]]:
        return "the order differs"
    return _rows(ours["result"], data["result"])


def _key(row: Any) -> str:
    return json.dumps(row["metric"], sort_keys=True)


def _rows(ours: list[Any], theirs: list[Any]) -> str:
    mine, others = ({_key(row): row for row in rows} for rows in (ours, theirs))
    if len(mine) != len(ours) or set(mine) != set(others):
        return f"rows: only ours {set(mine) - set(others)}, only theirs {set(others) - set(mine)}"
    for key, row in mine.items():
        a, b = (r.get("values") or [r["value"]] for r in (row, others[key]))
        if [point[0] for point in a] != [point[0] for point in b]:
            return f"{key}: times {[p[0] for p in a][:5]} but {[p[0] for p in b][:5]}"
        for one, other in zip(a, b, strict=True):
            if not _same(one, other):
                return f"{key}: {one} but {other}"
    return ""


def _same(one: Any, other: Any) -> bool:
    if one[0] != other[0]:
        return False
    a, b = one[1], other[1]
    if a == b:
        return True
    x, y = float(a), float(b)
    return math.isclose(x, y, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def difference_of_answers(ours: httpx.Response, theirs: httpx.Response) -> str:
    """How two answers of the API differ; empty where they do not."""
    if ours.status_code != theirs.status_code:
        return f"{ours.status_code} {ours.text[:300]} but {theirs.status_code} {theirs.text[:300]}"
    mine, other = ours.json(), theirs.json()
    if mine["status"] == "error":
        return "" if mine["errorType"] == other["errorType"] else f"{mine} but {other}"
    if isinstance(mine["data"], dict) and "resultType" in mine["data"]:
        return difference(mine["data"], other)
    return "" if mine == other else f"{mine} but {other}"
