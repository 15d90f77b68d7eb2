"""The documents agree with the code and with each other."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT, texts
from tools.generate_docs import PAGES, fresh

LINK = re.compile(r"\]\(([^)\s]+)\)")
PROSE = {path: text for path, text in texts().items() if path.endswith(".md")}


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_what_the_code_says(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == fresh(page), "run `make docs`"


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
