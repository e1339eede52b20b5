from __future__ import annotations

import sys

import pytest

from reconciler.errors import FleetError
from reconciler.session.fleet.cluster_extra import import_cluster


def test_the_module_is_imported_if_the_extra_is_installed() -> None:
    assert import_cluster("cluster_address").__name__ == "reconciler.session.fleet.cluster_address"


@pytest.mark.parametrize("library", ["procrastinate", "psycopg", "psycopg_pool", "psycopg_binary"])
def test_a_missing_extra_is_named_with_its_command(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(FleetError) as caught:
        import_cluster("cluster_address")
    assert caught.value.summary == "the queue of a fleet needs a library that is not installed"
    assert caught.value.detail == "Install it: pip install --require-hashes -r requirements/cluster.lock"
