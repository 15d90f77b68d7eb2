"""Links to what went on around an incident."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from event_system.incidents.drafting import draft
from event_system.incidents.incident import Link
from event_system.incidents.intake import Signal
from event_system.kernel.clock import rfc3339
from tests.support.incidents import HOUR, MINUTE, START, World, running, signal


def told(name: str, url: str, **given: Any) -> Signal:
    return msgspec.structs.replace(signal(name, **given), generator_url=url)


def shown(world: World, incident: str) -> dict[str, dict[str, list[str]]]:
    """Of each link made for an incident what it asks for, by its title."""
    links = world.manager.references(world.manager.get(incident))
    return {
        link.title: {"path": [urlsplit(link.url).path], **parse_qs(urlsplit(link.url).query)}
        for link in links
        if link.url.startswith("http://node.example/api/")
    }


async def test_metrics_are_those_of_the_nodes_own_alerts_around_their_time() -> None:
    expression = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / 2 > 0.1'
    async with running() as world:
        case = await world.fires(
            told("Slow", f"http://node.example/graph?g0.expr={quote(expression)}&g0.tab=1"),
            told("Foreign", "http://node.example.org/graph?g0.expr=up"),
            told("Plain", "http://node.example/somewhere"),
            told("None", ""),
        )
        world.clock.us = START + 2 * HOUR
        of_all = [
            asked
            for each in world.manager.cases()
            for title, asked in shown(world, each.incident.id).items()
            if title.startswith("metrics of")
        ]
        assert of_all == [
            {
                "path": ["/api/v1/query_range"],
                "query": [expression],
                "start": [rfc3339(START - 15 * MINUTE)],
                "end": [rfc3339(START + 2 * HOUR + 15 * MINUTE)],
                "step": ["37"],
            }
        ]
        assert case.incident.id


async def test_events_end_soon_after_the_incident() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow"))
        world.clock.us = START + HOUR
        await world.act(case, "resolve")
        world.clock.us = START + 90 * HOUR
        found = shown(world, case.incident.id)

    assert found["events around it"] == {
        "path": ["/api/events"],
        "since": [rfc3339(START - 15 * MINUTE)],
        "until": [rfc3339(START + HOUR + 15 * MINUTE)],
        "order": ["oldest"],
    }
    assert found["its own events"]["subject"] == [case.incident.id]


async def test_a_postmortem_has_the_links_but_none_that_would_break_it() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow"))
        links = [
            Link(title="run|book", url="https://example.org/a?b=c"),
            Link(title="odd", url="javascript:x>\n# Root cause"),
        ]
        text = draft(case, "en", links)

    assert "- run\\|book: <https://example.org/a?b=c>\n" in text
    assert "odd" not in text
