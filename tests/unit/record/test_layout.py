from reconciler.record.layout import shorten_plan_id


def test_a_plan_id_is_shortened_to_twelve_digits_once() -> None:
    assert shorten_plan_id("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
    assert shorten_plan_id("0123456789ab") == "0123456789ab"
