from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests are one local run, wherever they run."""
    for name in ("GITHUB_OUTPUT", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "CI_PIPELINE_ID"):
        monkeypatch.delenv(name, raising=False)
