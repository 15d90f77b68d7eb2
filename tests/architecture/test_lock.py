"""uv.lock pins what pyproject.toml asks for, and leaves open where packages come from."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT
from tools.lock import without_addresses

LOCK_TEXT = (ROOT / "uv.lock").read_text(encoding="utf-8")
LOCK = tomllib.loads(LOCK_TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PRODUCT = next(package for package in LOCK["package"] if package["name"] == "event-system")
Wanted = tuple[str, SpecifierSet, frozenset[str], str]


def _written(line: str) -> Wanted:
    wanted = Requirement(line)
    return _wanted(wanted.name, wanted.specifier, wanted.extras, str(wanted.marker or ""))


def _locked(entry: dict[str, Any]) -> Wanted:
    specifier = SpecifierSet(entry.get("specifier", ""))
    return _wanted(entry["name"], specifier, entry.get("extras", []), entry.get("marker", ""))


def _wanted(name: str, specifier: SpecifierSet, extras: Any, marker: str) -> Wanted:
    return canonicalize_name(name), specifier, frozenset(extras), marker.replace('"', "'")


def _group(name: str) -> set[Wanted]:
    """The requirements of a dependency group and of those that it includes."""
    lines = PROJECT["dependency-groups"][name]
    own = {_written(line) for line in lines if isinstance(line, str)}
    return own.union(*(_group(line["include-group"]) for line in lines if isinstance(line, dict)))


def test_the_lock_is_of_the_dependencies_in_pyproject() -> None:
    written = {_written(line) for line in PROJECT["project"]["dependencies"]}
    for extra, lines in PROJECT["project"]["optional-dependencies"].items():
        written |= {_written(f"{line}; extra == '{extra}'") for line in lines}

    assert {_locked(entry) for entry in PRODUCT["metadata"]["requires-dist"]} == written


@pytest.mark.parametrize("group", PROJECT["dependency-groups"])
def test_the_lock_is_of_the_dependency_group(group: str) -> None:
    assert {_locked(entry) for entry in PRODUCT["metadata"]["requires-dev"][group]} == _group(group)


def test_the_lock_is_of_this_version_for_the_same_pythons() -> None:
    assert PRODUCT["version"] == PROJECT["project"]["version"]
    assert SpecifierSet(LOCK["requires-python"]) == SpecifierSet(
        PROJECT["project"]["requires-python"]
    )


def test_the_lock_names_no_address() -> None:
    assert "://" not in LOCK_TEXT
    assert set(re.findall(r'registry = "(.*?)"', LOCK_TEXT)) == {"registry"}


def test_every_locked_file_has_a_hash() -> None:
    artefacts = [
        artefact
        for package in LOCK["package"]
        for artefact in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
    ]

    assert artefacts
    assert [artefact for artefact in artefacts if not artefact["hash"].startswith("sha256:")] == []


def test_addresses_are_taken_out_and_nothing_else() -> None:
    plain = """\
version = 1
source = { registry = "scheme://host/simple" }
sdist = { url = "scheme://files.host/ab/cd/rich-15.0.0.tar.gz", hash = "sha256:00", size = 3 }
"""

    assert (
        without_addresses(plain)
        == """\
version = 1
source = { registry = "registry" }
sdist = { path = "rich-15.0.0.tar.gz", hash = "sha256:00", size = 3 }
"""
    )
    assert without_addresses(LOCK_TEXT) == LOCK_TEXT


def test_this_environment_is_the_locked_one() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _LIST_VERSIONS], capture_output=True, text=True, check=True
    ).stdout.split()
    locked = {f"{package['name']}=={package.get('version')}" for package in LOCK["package"]}

    assert set(listed) - locked == set()


_LIST_VERSIONS = """
import importlib.metadata, re
for found in importlib.metadata.distributions():
    print(re.sub(r"[-_.]+", "-", found.name).lower() + "==" + found.version)
"""
