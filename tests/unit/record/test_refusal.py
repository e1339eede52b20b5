from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.builders import NOW, TARGET

from reconciler.core.model import Target
from reconciler.record.layout import REFUSAL
from reconciler.record.merge import newer_refusal
from reconciler.record.refusal import clear_refusal, read_refusal, save_refusal


def test_refusals_are_counted_and_forgotten(tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    assert read_refusal(plans, TARGET) is None
    save_refusal(plans, None, TARGET, "the token is refused", NOW)
    save_refusal(plans, read_refusal(plans, TARGET), TARGET, "still", NOW + timedelta(hours=1))
    found = read_refusal(plans, TARGET)
    assert found is not None
    assert (found.message, found.began, found.last, found.count) == ("still", NOW, NOW + timedelta(hours=1), 2)
    assert read_refusal(plans, Target("scim", TARGET.base_url)) is None
    clear_refusal(plans, plans, TARGET, NOW + timedelta(hours=2))
    assert read_refusal(plans, TARGET) is None
    answered = (plans / REFUSAL).read_bytes()
    clear_refusal(plans, plans, TARGET, NOW + timedelta(hours=3))
    assert (plans / REFUSAL).read_bytes() == answered, "it answers since then"


def test_of_two_copies_of_a_refusal_the_newer_one_counts(tmp_path: Path) -> None:
    save_refusal(tmp_path, None, TARGET, "no", NOW)
    refused = (tmp_path / REFUSAL).read_bytes()
    clear_refusal(tmp_path, tmp_path, TARGET, NOW + timedelta(hours=1))
    answered = (tmp_path / REFUSAL).read_bytes()
    for broken in (b"", b"[]", b"{}", b'{"last": 1}', b'{"last": "2026-03-01"}'):
        assert newer_refusal(broken, refused) == refused
        assert newer_refusal(refused, broken) == refused
    assert newer_refusal(refused, answered) == newer_refusal(answered, refused) == answered


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"profile": 1}', "[" * 9000])
def test_a_record_that_cannot_be_understood_says_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "refusal.json").write_text(content)
    assert read_refusal(tmp_path, TARGET) is None
    save_refusal(tmp_path, None, TARGET, "no", datetime(2026, 3, 1, tzinfo=UTC))
    assert read_refusal(tmp_path, TARGET) is not None


@pytest.mark.parametrize("count", ["Infinity", "NaN", "1e999", '"x"', "-1", "true", "1.5", "9" * 5000])
def test_a_refusal_without_a_usable_count_is_none(count: str, tmp_path: Path) -> None:
    save_refusal(tmp_path, None, TARGET, "no", NOW)
    text = (tmp_path / REFUSAL).read_text()
    assert '"count": 1,' in text
    (tmp_path / REFUSAL).write_text(text.replace('"count": 1,', f'"count": {count},'))
    assert read_refusal(tmp_path, TARGET) is None


def test_a_place_that_cannot_be_written_is_no_further_error(tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("")
    save_refusal(tmp_path / "plans", None, TARGET, "no", NOW)
    clear_refusal(tmp_path / "plans", tmp_path / "plans", TARGET, NOW)


ACME, GLOBEX = (replace(TARGET, tenant=name) for name in ("acme", "globex"))


def test_each_tenant_at_an_address_has_its_own_refusal(tmp_path: Path) -> None:
    save_refusal(tmp_path, None, ACME, "the token is refused", NOW)
    save_refusal(tmp_path, None, GLOBEX, "busy", NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["refusal-acme.json", "refusal-globex.json"]
    assert read_refusal(tmp_path, TARGET) is None, "not of a tenant without a name"
    clear_refusal(tmp_path, tmp_path, GLOBEX, NOW + timedelta(hours=1))
    assert read_refusal(tmp_path, GLOBEX) is None
    found = read_refusal(tmp_path, ACME)
    assert found is not None
    assert found.message == "the token is refused"


def test_a_refusal_before_the_tenant_was_named_is_its_own_until_the_service_answers(tmp_path: Path) -> None:
    save_refusal(tmp_path, None, TARGET, "no", NOW)
    save_refusal(tmp_path, read_refusal(tmp_path, ACME), ACME, "still no", NOW + timedelta(hours=1))
    found = read_refusal(tmp_path, ACME)
    assert found is not None
    assert (found.message, found.began, found.count) == ("still no", NOW, 2)
    clear_refusal(tmp_path, tmp_path, ACME, NOW + timedelta(hours=2))
    assert read_refusal(tmp_path, ACME) is None
    assert read_refusal(tmp_path, TARGET) is None


def test_an_answer_of_another_target_clears_no_refusal(tmp_path: Path) -> None:
    save_refusal(tmp_path, None, TARGET, "no", NOW)
    clear_refusal(tmp_path, tmp_path, Target(TARGET.profile, "https://elsewhere.example"), NOW)
    assert read_refusal(tmp_path, TARGET) is not None
