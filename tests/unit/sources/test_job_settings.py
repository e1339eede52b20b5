from __future__ import annotations

import pytest

from reconciler.core.field_change import Field, FieldChange
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.sources.job_settings import JobSettings, SettingsEdit, describe_job_settings, edit_settings

BASE = "https://federation.apple.com/feeds/business/scim"


def edit(job: JobSettings, **fields: Field) -> SettingsEdit:
    held = {"target.profile": "apple-business-manager", **{key.replace("__", "."): fields[key] for key in fields}}
    return edit_settings(job, Entity(DOCUMENT, "settings.yaml", held, "settings.yaml"))


def rows(found: SettingsEdit) -> dict[str, tuple[object, object]]:
    assert found.edit is not None
    return {row.path: (row.before, row.after) for row in found.edit.rows}


def test_what_entra_does_is_taken_over_and_everything_else_stays() -> None:
    job = JobSettings("all", True, 500, ("ops@x.example",), BASE)
    found = edit(job, guards__removals__count="10", notifications__on_failure=("mailto:it@x.example",))
    assert rows(found) == {
        "lifecycle.out_of_scope": (None, "keep"),
        "guards.removals.count": ("10", "500"),
        "notifications.on_failure": ((), ("mailto:ops@x.example",)),
    }
    assert found.edit is not None
    assert found.edit.fields["notifications.on_failure"] == ("mailto:it@x.example", "mailto:ops@x.example")


def test_a_value_in_git_that_differs_is_shown_as_overridden() -> None:
    found = edit(JobSettings(skip_out_of_scope=True), lifecycle__out_of_scope="delete")
    assert found.edit is not None
    assert found.edit.rows == (FieldChange("lifecycle.out_of_scope", "delete", "keep"),)


def test_a_second_import_changes_nothing() -> None:
    job = JobSettings("all", True, 500, ("Ops@x.example",), BASE)
    first = edit(job, target__base_url=BASE)
    assert first.edit is not None
    assert first.edit.after is not None
    assert edit_settings(job, first.edit.after).edit is None
    assert edit(job, notifications__on_failure="mailto:ops@X.example", lifecycle__out_of_scope="keep",
                guards__removals__count="500").edit is None  # fmt: skip


def test_a_job_that_says_nothing_changes_nothing() -> None:
    assert edit(JobSettings()) == SettingsEdit(None, ())
    assert edit(JobSettings(skip_out_of_scope=False)).edit is None


def test_keep_stays_although_entra_deprovisions() -> None:
    found = edit(JobSettings(skip_out_of_scope=False), lifecycle__out_of_scope="keep")
    assert found.edit is None
    assert "and stays" in found.notes[0]


@pytest.mark.parametrize(("limit", "noted"), [("10", True), ("400", False), ("x", True)])
def test_a_limit_that_lets_more_pass_is_noted(limit: str, noted: bool) -> None:
    found = edit(JobSettings(deletion_threshold=400), guards__removals__count=limit)
    assert bool(found.notes) is noted


@pytest.mark.parametrize("here", [BASE, f"{BASE}/", BASE.replace("federation", "FEDERATION")])
def test_the_same_address_is_not_noted(here: str) -> None:
    assert edit(JobSettings(base_url=BASE), target__base_url=here).notes == ()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:pass@scim.example/v2?key=k\x1b", "another address at https://scim.example,"),
        ("https://scim.example:8443/pass/scim#pass", "another address at https://scim.example:8443,"),
        ("https://[2001:db8::1]/pass", "another address at https://[2001:db8::1],"),
        ("pass", "an address that is not a URL,"),
        ("ftp://scim.example/pass", "an address that is not a URL,"),
        ("https://scim.example:pass/", "an address that is not a URL,"),
    ],
)
def test_another_address_is_noted_by_its_host_and_stays(address: str, shown: str) -> None:
    found = edit(JobSettings(base_url=address), target__base_url=BASE)
    assert found.edit is None
    (note,) = found.notes
    assert note.startswith(f"Entra's job provisions to {shown} and target.base_url is")
    assert "pass" not in note
    assert edit(JobSettings(base_url=BASE)).notes == ()


def test_settings_are_described_without_addresses() -> None:
    job = JobSettings("all", False, 1500, ("ops@x.example",), BASE)
    assert describe_job_settings(job) == (
        "Entra's provisioning job: sync: all, users out of scope: deprovisioned, deletion threshold: 1,500,"
        " 1 recipient."
    )
    assert describe_job_settings(JobSettings(skip_out_of_scope=True)) == (
        "Entra's provisioning job: sync: not said, users out of scope: kept, deletion threshold: none, 0 recipients."
    )
    assert "not said, deletion" in describe_job_settings(JobSettings())
