"""Pages from templates; loads the template engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from event_system.http.errors_doc import all_errors, by_room
from event_system.http.manual.reading import sections, shapes

_CODE = re.compile(r"`([^`]+)`")


def overview(document: Mapping[str, Any]) -> str:
    """The page of all routes and shapes of an OpenAPI document."""
    return _render(
        "overview.html.j2",
        info=document["info"],
        sections=sections(document),
        shapes=shapes(document),
    )


def errors(info: Mapping[str, Any]) -> str:
    """The page of all errors; `info` is the OpenAPI document's."""
    return _render("errors.html.j2", info=info, rooms=by_room(all_errors()))


def told(text: str) -> Markup:
    """Text with `code` in it, as HTML."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def _render(template: str, **shown: Any) -> str:
    return _pages().get_template(template).render(**shown)


@cache
def _pages() -> Environment:
    environment = Environment(
        loader=PackageLoader("event_system.http.manual", "pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["told"] = told
    return environment
