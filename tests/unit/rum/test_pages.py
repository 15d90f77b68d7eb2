"""Paths by their patterns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.rum.pages import OTHER, Pages, check_pattern, known

PAGES = Pages(["/", "/shop/sale", "/shop/{item}", "/guilds/{guild}/members", "/blog/*", "/公会"])


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "/"),
        ("", "/"),
        ("/?q=secret", "/"),
        ("/#top", "/"),
        ("/shop/sale", "/shop/sale"),
        ("/shop/42/", "/shop/{item}"),
        ("/shop/42/43", OTHER),
        ("/shop/", OTHER),
        ("/guilds/g1/members", "/guilds/{guild}/members"),
        ("/blog/2026/11/21", "/blog/*"),
        ("/blog", OTHER),
        ("/%E5%85%AC%E4%BC%9A", "/公会"),
        ("shop/42", OTHER),
        ("https://elsewhere/shop/42", OTHER),
    ],
)
def test_the_first_pattern_that_fits_names_the_page(path: str, page: str) -> None:
    assert PAGES.of(path) == page


@settings(deadline=None)
@given(st.text(max_size=100))
def test_no_path_makes_a_name_of_its_own(path: str) -> None:
    names = {"/", "/shop/sale", "/shop/{item}", "/guilds/{guild}/members", "/blog/*", "/公会"}

    assert PAGES.of(path) in names | {OTHER}
    assert PAGES.of(f"/{path}") in names | {OTHER}


@pytest.mark.parametrize("pattern", ["/", "/shop/{item}", "/blog/*", "/*", "/a.b/c-d", "/公会/"])
def test_a_path_is_a_pattern_and_the_name_of_its_page(pattern: str) -> None:
    check_pattern(pattern)

    assert Pages([pattern]).of(pattern.replace("*", "a/b")) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["", "shop", "/shop?x", "/a{b}c", "/{", "/*/a", "/a//b", "/a*", "/" + "x" * 200, "/ "],
)
def test_what_is_no_path_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        check_pattern(pattern)


def test_names_that_are_not_on_the_list_are_one() -> None:
    assert [known(name, {"chat"}) for name in ("chat", "cheat")] == ["chat", OTHER]
