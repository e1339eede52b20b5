from __future__ import annotations

import io
import warnings
import zipfile

import pytest

from reconciler.github import fleet_plans
from reconciler.github.api import GitHubError
from reconciler.github.fleet_plans import read_archive


def packed(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def test_plans_are_found_by_the_names_of_tenants_alone() -> None:
    plans = [("fleet-plan.json", b"{}"), ("acme/plan.json", b"1"), ("globex-2/plan.json", b"2")]
    others = ["acme/result.json", "../plan.json", "/plan.json", "a/../plan.json", "Acme/plan.json", "acme/plan.json\n",
              "x" * 41 + "/plan.json", "acme/acme/plan.json"]  # fmt: skip
    assert read_archive(packed(*plans, *((name, b"no") for name in others))) == dict(plans)


def test_what_is_damaged_too_large_or_there_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = packed(("fleet-plan.json", b"{}" * 100), ("acme/plan.json", b"1" * 1000))
    for content in (b"", b"PK", whole[:-30]):
        with pytest.raises(GitHubError, match="cannot be read"):
            read_archive(content)
    with pytest.raises(GitHubError, match="twice"):
        read_archive(packed(("acme/plan.json", b"1"), ("acme/plan.json", b"2")))
    monkeypatch.setattr(fleet_plans, "_MAX_MEMBERS", 1)
    with pytest.raises(GitHubError, match="has 2 files"):
        read_archive(whole)
    monkeypatch.setattr(fleet_plans, "_MAX_MEMBERS", 2)
    monkeypatch.setattr(fleet_plans, "_MAX_BYTES", 1199)
    with pytest.raises(GitHubError, match="larger than 1 GiB"):
        read_archive(whole)
    monkeypatch.setattr(fleet_plans, "_MAX_BYTES", 1200)
    assert len(read_archive(whole)) == 2
