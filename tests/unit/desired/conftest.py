"""Desired states of given files."""

from pathlib import Path

import pytest
from support.builders import NOW
from support.desired_directory import Tree
from support.desired_state import ADA, SETTINGS, Load

from reconciler.desired.directory import Directory
from reconciler.desired.loader import BrokenState, DesiredState, load


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a desired state of the given files: `users__a="…"` is users/a.yaml."""

    def read(**files: str) -> DesiredState | BrokenState:
        for name, text in {"settings": SETTINGS, "users__a": ADA, **files}.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return load(tmp_path, NOW)

    return read


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes a desired state of the given files: `users__a="…"` is users/a.yaml; a path in full works as well."""

    def make(files: dict[str, str | bytes] | None = None, **short: str | bytes) -> Directory:
        root = tmp_path / "state"
        root.mkdir(exist_ok=True)
        named = {f"{name.replace('__', '/')}.yaml": text for name, text in short.items()}
        for name, text in {**(files or {}), **named}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return Directory(root)

    return make
