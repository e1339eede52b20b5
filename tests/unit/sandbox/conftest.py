"""The path of a sandbox file, and an open store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.store import Store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The path of a sandbox file that does not exist yet."""
    return tmp_path / "sandbox.db"


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    """An empty sandbox."""
    with Store(state) as opened:
        yield opened
