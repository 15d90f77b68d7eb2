"""The tree reads as the product: small files, packages that say what they are for."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import Module, files, modules, texts

LONGEST_FILE = 400
VAGUE = {"base", "common", "helper", "helpers", "misc", "shared", "util", "utils"}
PACKAGES = [module for module in modules() if module.path.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_says_what_it_is_for_in_3_to_10_lines(package: Module) -> None:
    docstring = ast.get_docstring(package.syntax)

    assert docstring, f"{package.name} has no docstring"
    assert 3 <= len(docstring.splitlines()) <= 10


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {module.path.parent for module in modules()}

    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_no_source_file_is_longer_than_one_can_keep_in_mind() -> None:
    sources = {path: text for path, text in texts().items() if _is_source(path)}
    lengths = {path: len(text.splitlines()) for path, text in sources.items()}

    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def _is_source(path: str) -> bool:
    return path.endswith((".py", ".sh")) or path == "Makefile"


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path: set(path.with_suffix("").parts) for path in files() if path.suffix == ".py"}

    assert [str(path) for path, parts in names.items() if parts & VAGUE] == []


def test_nothing_hides_an_import_cycle_behind_type_checking() -> None:
    """The commands may: they load late to start fast, and nobody imports them."""
    rooms = (module for module in modules() if module.room != "cli")

    assert [module.name for module in rooms if "TYPE_CHECKING" in module.text] == []
