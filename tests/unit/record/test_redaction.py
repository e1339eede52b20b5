from __future__ import annotations

from reconciler.record.redaction import NO_REDACTION, Redactor

VEIL = Redactor(b"k" * 32)
ADA = 'user["ada@example.com"]'


def test_without_a_key_nothing_is_redacted() -> None:
    assert NO_REDACTION.address(ADA) == ADA
    assert NO_REDACTION.name("ada") == "ada"
    assert NO_REDACTION.values(ADA, {"title": "Boss"}) == {"title": "Boss"}
    assert (NO_REDACTION.change("0f"), NO_REDACTION.text('says "x"'), NO_REDACTION.key_id) == ("0f", 'says "x"', None)


def test_the_same_user_has_the_same_digest_however_it_is_written() -> None:
    assert VEIL.address(ADA) == VEIL.address(ADA.upper())
    assert VEIL.name("Ada@example.com") == VEIL.name("ada@example.com")
    assert VEIL.address(ADA) != VEIL.address('user["bob@example.com"]')


def test_the_same_value_of_two_users_or_two_attributes_has_two_digests() -> None:
    ada, bob = (VEIL.values(who, {"a": "x", "b": "x"}) for who in (ADA, 'user["bob@example.com"]'))
    assert len({*ada.values(), *bob.values()}) == 4
    assert VEIL.values(ADA, {"active": True}) == {"active": True}


def test_everything_depends_on_the_key() -> None:
    other = Redactor(b"x" * 32)
    for one, two in (
        (VEIL.address(ADA), other.address(ADA)),
        (VEIL.name("ada"), other.name("ada")),
        (VEIL.change("0f"), other.change("0f")),
        (VEIL.key_id, other.key_id),
    ):
        assert one != two
    assert "kkk" not in repr(VEIL)


def test_messages_lose_what_they_quote() -> None:
    assert VEIL.text('the name "ada" is taken') == "the name (hidden) is taken"
    assert VEIL.change("0f").startswith("hmac:")


def test_a_form_has_a_digest_with_and_without_a_key() -> None:
    plain, keyed = Redactor(), Redactor(b"k" * 32)
    digests = [
        redactor.form(*parts)
        for redactor in (plain, keyed)
        for parts in (("1", "title", "A", "a"), ("2", "title", "A", "a"), ("1", "title", "A", "A"))
    ]
    assert len(set(digests)) == 6
    assert all(len(digest) == 37 and digest.startswith("hmac:") for digest in digests)
