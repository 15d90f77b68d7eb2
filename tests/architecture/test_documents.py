"""The documents agree with the code and with each other."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, texts
from tools.generate_docs import PAGES, stale

LINK = re.compile(r"\]\(([^)\s]+)\)")
PROSE = {path: text for path, text in texts().items() if path.endswith(".md")}


def test_the_generated_pages_are_what_the_code_says() -> None:
    """In a process of its own: the errors that other tests define are not the product's."""
    command = [sys.executable, "-m", "tools.generate_docs", "--check"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_that_says_something_else_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAGES, "docs/dependencies.md", lambda: "Something else.")
    monkeypatch.setitem(PAGES, "docs/absent.md", lambda: "Never written.")

    assert {"docs/dependencies.md", "docs/absent.md"} <= set(stale())


@pytest.mark.parametrize("page", PROSE)
def test_a_page_links_only_to_files_that_exist(page: str) -> None:
    targets = (match[1].partition("#")[0] for match in LINK.finditer(PROSE[page]))
    local = [target for target in targets if target and ":" not in target]

    assert [target for target in local if not (ROOT / page).parent.joinpath(target).exists()] == []


def test_every_page_of_docs_is_linked_from_another() -> None:
    linked = {
        (ROOT / page).parent.joinpath(match[1].partition("#")[0]).resolve()
        for page, text in PROSE.items()
        for match in LINK.finditer(text)
    }

    assert [page for page in PROSE if page.startswith("docs/") and ROOT / page not in linked] == []


CODE = re.compile(r"`([^`\n]+)`")


@pytest.mark.parametrize("page", [path for path in PROSE if path.startswith("docs/zh/")])
def test_a_translated_page_names_the_same_things(page: str) -> None:
    """Codes, settings, metrics and commands stay as they are in every language."""
    original = PROSE[page.replace("docs/zh/", "docs/")]

    assert set(CODE.findall(PROSE[page])) == set(CODE.findall(original))
