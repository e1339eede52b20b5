from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

from reconciler.cli import lazy


def imports_for_type_checkers() -> dict[str, tuple[str, ...]]:
    tree = ast.parse(Path(lazy.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        str(node.module): tuple(alias.name for alias in node.names)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }


def test_the_table_is_what_type_checkers_see() -> None:
    assert imports_for_type_checkers() == lazy.MODULES


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in lazy.MODULES.items() for name in names]
)
def test_every_name_of_the_table_exists(module: str, name: str) -> None:
    assert getattr(lazy, name) is getattr(import_module(module), name)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'run_nothing'"):
        _ = lazy.run_nothing
