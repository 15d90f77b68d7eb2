"""What may stand in no tracked file, in any language."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT, texts

# Written as patterns, so that this file passes its own test.
FORBIDDEN = {
    "a package registry's address: the reader's own configuration says where packages come from": (
        r"\b(pypi|pythonhosted|npmjs|yarnpkg|rubygems|crates|anaconda|goproxy)\.(org|com|io)\b"
        r"|\b(proxy|sum)\.golang\.org\b|\brepo1?\.maven\b|\b(deb|security)\.debian\.org\b"
        r"|\barchive\.ubuntu\.com\b"
    ),
    "a path of one machine": r"(?<![\w.$}>-])/(home|root|work|Users)/\w",
    "work left undone": r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b",
    "a conflict left unsolved": r"^(<{7}|>{7}) ",
}


@pytest.mark.parametrize("meaning", FORBIDDEN)
def test_no_tracked_file_holds(meaning: str) -> None:
    pattern = re.compile(FORBIDDEN[meaning], re.MULTILINE)

    found = [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}: {match[0]}"
        for path, text in texts().items()
        for match in pattern.finditer(text)
    ]

    assert found == []


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CHANGELOG.md", "Makefile", "uv.lock"])
def test_the_repository_has(name: str) -> None:
    assert (ROOT / name).is_file()
