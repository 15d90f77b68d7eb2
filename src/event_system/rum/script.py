"""The script for browsers, as it was bundled when this copy was built."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files

from event_system.kernel.errors import RumScriptMissingError


def script(sample: float) -> tuple[bytes, str]:
    """The script that looks at this share of visits, and its entity tag.

    Raises `RumScriptMissingError`.
    """
    settings = json.dumps({"sample": sample})
    text = f"globalThis.__eventSystemRum={settings};\n{_bundle()}".encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


@cache
def _bundle() -> str:
    try:
        return files(__package__).joinpath("built", "rum.js").read_text(encoding="utf-8")
    except OSError as error:
        raise RumScriptMissingError from error
