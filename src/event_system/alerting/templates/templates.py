"""A set of named templates: the defaults, and those of an operator."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from event_system.alerting import brief
from event_system.alerting.notification import Notification
from event_system.alerting.templates.chinese import CHINESE
from event_system.alerting.templates.defaults import DEFAULTS
from event_system.alerting.templates.mail import MAIL
from event_system.alerting.templates.numbers import NUMBERS
from event_system.alerting.templates.values import METHODS, data
from event_system.gotemplate.functions import FUNCTIONS
from event_system.gotemplate.nodes import Nodes
from event_system.gotemplate.parser import parse
from event_system.gotemplate.running import Run

_OWN: Final = (
    *(("defaults", DEFAULTS), ("numbers", NUMBERS)),
    *(("chinese", CHINESE), ("mail", MAIL)),
)


class Templates:
    """Named templates. `sources` are (file, text); later definitions replace earlier ones.

    Raises `TemplateError`.
    """

    def __init__(self, sources: Iterable[tuple[str, str]] = ()) -> None:
        self._named: dict[str, Nodes] = {}
        for name, text in (*_OWN, *sources):
            self._named |= _parsed(text, name)[1]

    def check(self, text: str) -> None:
        """Raises `TemplateError` where the text is no template."""
        _parsed(text, "template")

    def text(self, template: str, notification: Notification) -> str:
        """The text that a template comes to. Raises `TemplateError`."""
        return self.render(template, data(notification), as_html=False)

    def title(self, template: str, notification: Notification) -> str:
        """The same of what heads a message; its own words where it is to be brief."""
        return (
            brief.subject(notification)
            if notification.is_brief
            else self.text(template, notification)
        )

    def message(self, template: str, notification: Notification) -> str:
        """The same of what a message says."""
        return (
            brief.text(notification) if notification.is_brief else self.text(template, notification)
        )

    def html(self, template: str, notification: Notification) -> str:
        """As HTML: what is put out is escaped. Nothing where the message is to be brief."""
        if notification.is_brief:
            return ""
        return self.render(template, data(notification), as_html=True)

    def render(self, template: str, dot: Any, *, as_html: bool) -> str:
        if "{{" not in template:
            return template
        nodes, defined = _parsed(template, "template")
        named = {**self._named, **defined} if defined else self._named
        return Run(named, "template", FUNCTIONS, METHODS, as_html=as_html).of(nodes, dot)


@lru_cache(maxsize=512)
def _parsed(text: str, name: str) -> tuple[Nodes, dict[str, Nodes]]:
    return parse(text, name)
