from dataclasses import fields
from typing import Any

import pytest

from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError


def test_the_default_is_apple() -> None:
    quirks = Quirks()
    assert quirks == Quirks.from_mapping({})
    assert (quirks.page_cap, quirks.patch_status, quirks.discovery) == (200, 200, "absent")
    assert (quirks.lowercase_username, quirks.omit_active_when_true, quirks.reserve_names) == (True, True, True)
    assert (quirks.flaky, quirks.rate_limit, quirks.slow, quirks.eventual_consistency) == (0, 0, 0, 0)


@pytest.mark.parametrize("quirks", [Quirks(), Quirks.plain(), Quirks(patch_rejects=frozenset({"emails", "userName"}))])
def test_mappings_round_trip(quirks: Quirks) -> None:
    assert Quirks.from_mapping(quirks.to_mapping()) == quirks


def test_every_quirk_of_the_profile_has_a_switch() -> None:
    names = {quirk.name for quirk in fields(Quirks)}
    assert names >= {
        "discovery", "unknown_attr", "auto_merge", "admin_collision", "items_per_page", "page_cap", "list_hides_n",
        "resources_absent_when_empty", "lowercase_username", "omit_active_when_true", "patch_status", "patch_rejects",
        "put_external_id", "active_false", "html_errors", "rate_limit", "flaky", "slow", "eventual_consistency",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pagecap", 5, "Unknown quirk 'pagecap'. Known quirks: access_token_life, activation, "),
        ("discovery", "yes", "Quirk 'discovery' can't be 'yes'. Allowed: 'absent' | 'rfc'."),
        ("discovery", None, "Allowed: 'absent' | 'rfc'."),
        ("auto_merge", 1, "Quirk 'auto_merge' can't be 1. Allowed: false | true."),
        ("auto_merge", "true", "Allowed: false | true."),
        ("patch_status", "204", "Allowed: 200 | 204."),
        ("patch_status", 201, "Allowed: 200 | 204."),
        ("page_cap", 0, "It is a whole number, at least 1."),
        ("page_cap", 1.5, "It is a whole number, at least 1."),
        ("page_cap", True, "It is a whole number, at least 1."),
        ("list_hides_n", -1, "It is a whole number, at least 0."),
        ("slow", -0.5, "It is a number of seconds, at least 0."),
        ("slow", float("nan"), "It is a number of seconds"),
        ("slow", float("inf"), "It is a number of seconds"),
        ("slow", "1", "It is a number of seconds"),
        ("patch_rejects", "emails", "It is a list of attribute paths"),
        ("patch_rejects", [5], "It is a list of attribute paths"),
        ("patch_rejects", [""], "It is a list of attribute paths"),
    ],
)
def test_what_does_not_exist_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(SandboxError) as caught:
        Quirks.from_mapping({name: value})
    assert message in str(caught.value)


def test_values_keep_their_types() -> None:
    quirks = Quirks.from_mapping({"slow": 1, "page_cap": 10, "patch_rejects": ["emails"], "admin_collision": "409"})
    assert (quirks.slow, type(quirks.slow)) == (1.0, float)
    assert (quirks.page_cap, type(quirks.page_cap)) == (10, int)
    assert quirks.patch_rejects == frozenset({"emails"})
