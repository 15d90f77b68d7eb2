from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from event_system.http import routing
from event_system.http.access import OPEN
from event_system.http.errors_doc import all_errors

PAGES = ["/docs", "/docs/errors"]
OPENED = ("/health", "/docs", "/openapi.json", "/rum", "/i/")
"""Health, documentation, what browsers ask for, and links that are signed."""


async def _document(client: httpx.AsyncClient) -> Any:
    answer = await client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_the_document_is_valid_openapi_3_1(client: httpx.AsyncClient) -> None:
    document = await _document(client)

    assert str(document["openapi"]).startswith("3.1")
    validate(document)


async def test_every_route_is_described(client: httpx.AsyncClient) -> None:
    described = {
        (method.upper(), path)
        for path, item in (await _document(client))["paths"].items()
        for method in item
    }
    served = {
        (str(method), re.sub(r":\w+}", "}", path))
        for handler in routing.ROUTES
        for path in handler.paths
        for method in handler.http_methods
    }

    links = {("GET", "/i/{token}"), ("POST", "/i/{token}")}
    assert served - described == {("GET", "/docs/style.css"), *links}
    assert described <= served


async def test_every_operation_stands_in_a_section_of_the_manual(client: httpx.AsyncClient) -> None:
    document = await _document(client)
    used = {
        tag
        for item in document["paths"].values()
        for operation in item.values()
        for tag in operation["tags"]
    }

    assert used == {tag["name"] for tag in document["tags"]}


async def test_every_operation_has_examples_and_problem_answers(client: httpx.AsyncClient) -> None:
    for path, item in (await _document(client))["paths"].items():
        for operation in item.values():
            answers = operation["responses"]
            good = next(iter(answers["200"]["content"].values()))
            assert path.startswith(("/docs", "/openapi", "/rum.js")) or good["examples"]
            for status, answer in answers.items():
                kinds = set(answer["content"])
                own_report = path in {"/health", "/api/events/test"} and status == "503"
                assert status == "200" or own_report or kinds == {"application/problem+json"}
            keyed = "security" not in operation
            assert ("401" in answers) is keyed


def test_only_health_documentation_browsers_and_signed_links_need_no_key() -> None:
    """Feeds of calendars check a token, or the key, themselves."""
    opened = {path for handler in routing.ROUTES if handler.opt.get(OPEN) for path in handler.paths}

    feeds = {"/api/on-call/schedules/{file:str}", "/api/on-call/people/{file:str}"}
    assert all(path.startswith(OPENED) for path in opened - feeds)


async def test_every_parameter_is_described(client: httpx.AsyncClient) -> None:
    missing = [
        (path, parameter["name"])
        for path, item in (await _document(client))["paths"].items()
        for operation in item.values()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]

    assert missing == []


class _Page(HTMLParser):
    """Collects what a page refers to and what it offers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        if tag == "a":
            self.links.add(found["href"])
        elif "href" in found or "src" in found:
            self.loads.add(found.get("href") or found["src"])
        assert not any(name.startswith("on") or name == "style" for name in found)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_works_offline_and_without_scripts(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    page = _Page(answer.text)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.loads == {"/docs/style.css"}
    assert not page.tags & {"script", "iframe", "form", "style", "img"}
    assert len(page.ids) == len(set(page.ids))
    assert (await client.get("/docs/style.css")).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_of_a_page_leads_somewhere(client: httpx.AsyncClient, path: str) -> None:
    pages = {each: _Page((await client.get(each)).text) for each in PAGES}

    for link in pages[path].links:
        target, _, anchor = link.partition("#")
        target = target or path
        assert (await client.get(target)).status_code == 200
        assert not anchor or anchor in pages[target].ids, link


async def test_the_errors_page_has_a_place_for_every_code(client: httpx.AsyncClient) -> None:
    page = _Page((await client.get("/docs/errors")).text)

    assert {error.code for error in all_errors()} <= set(page.ids)


async def test_many_who_ask_at_once_get_the_same_page(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.get("/docs") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
