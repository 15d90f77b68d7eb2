"""How texts look, as the OpenAPI document says it: for generated clients, and for tests.

What a request holds is checked where it is read, with words of its own; these only tell.
"""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.spec import OpenAPIType, Schema

from event_system.events.where import MAX_CONDITIONS, MAX_LENGTH
from event_system.http.query import ATTRIBUTES, EXTENSIONS

_SEGMENT: Final = "[A-Za-z0-9_-]+"
_STEP: Final = rf"({_SEGMENT}|\*)"
_DAY: Final = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
_ZONE: Final = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_ATTRIBUTE: Final = f"({'|'.join((*ATTRIBUTES, EXTENSIONS))})"
_PATH: Final = r"""data(\.[^\s.\[\]"=!<>]+|\[\d{1,9}\]|\["([^"\\]|\\.)*"\])*"""

EVENT_TYPE: Final = rf"^{_SEGMENT}(\.{_SEGMENT})*$"
NAME: Final = r"^[^\x00-\x1f\x7f-\x9f]+$"
MEMBER: Final = "^([a-z0-9]{1,64}|data_base64)$"
BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
IDEMPOTENCY_KEY: Final = "^[ -~]{1,255}$"
OFFSET_TAG: Final = r'^"\d{1,18}"$'

# `schema_extra` of query parameters.
PATTERN: Final[dict[str, Any]] = {"pattern": rf"^(>|{_STEP}(\.{_STEP})*(\.>)?)$"}
MOMENT: Final[dict[str, Any]] = {
    "pattern": rf"^(now|-\d{{1,9}}(ms|s|m|h|d)|{_DAY}T{_TIME}{_ZONE})$"
}
FIELDS: Final[dict[str, Any]] = {"pattern": f"^{_ATTRIBUTE}(,{_ATTRIBUTE})*$"}
CONDITIONS: Final[dict[str, Any]] = {
    "max_items": MAX_CONDITIONS,
    "items": Schema(
        type=OpenAPIType.STRING,
        max_length=MAX_LENGTH,
        pattern=rf"^{_PATH}(\s+exists|\s*(=|!=|<|<=|>|>=)[^\[{{]*)$",
    ),
}
