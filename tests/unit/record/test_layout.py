from reconciler.record.layout import is_record, shorten_plan_id


def test_a_plan_id_is_shortened_to_twelve_digits_once() -> None:
    assert shorten_plan_id("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
    assert shorten_plan_id("0123456789ab") == "0123456789ab"


def test_the_name_of_a_record_is_a_date_and_a_short_plan_id() -> None:
    assert is_record("2026-03-01-0123456789ab")
    assert not any(map(is_record, ("", "backup", "2026-03-01-0123456789abc", "2026-03-01-0123456789ab\n")))
