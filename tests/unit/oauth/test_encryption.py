from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest

from reconciler.errors import TargetError
from reconciler.oauth.encryption import TokenCipher, TokenKeyError, parse_token_keys

KEY, OTHER = (base64.b64encode(bytes(range(start, start + 32))).decode() for start in (0, 100))
CONTENT = b'{"access_token": "acc-s3cret"}\n'


@pytest.fixture(autouse=True)
def _library() -> None:
    pytest.importorskip("cryptography")


def test_an_encrypted_document_is_one_line_that_shows_nothing_and_comes_back() -> None:
    cipher = parse_token_keys(f" {KEY} ")
    stored, again = cipher.encrypt(CONTENT), cipher.encrypt(CONTENT)
    assert stored != again
    assert (stored.count(b"\n"), stored[-1:]) == (1, b"\n")
    assert b"s3cret" not in base64.b64decode(stored.split(b".")[2]) + stored
    assert cipher.decrypt(stored, "the store") == cipher.decrypt(again.strip(), "the store") == CONTENT
    assert KEY not in repr(cipher)


def test_without_a_key_it_is_stored_as_it_is() -> None:
    for cipher in (parse_token_keys(""), TokenCipher()):
        assert cipher.decrypt(cipher.encrypt(CONTENT), "the store") == cipher.encrypt(CONTENT) == CONTENT


def test_a_plain_document_is_refused_while_a_key_is_set_unless_that_is_said() -> None:
    with pytest.raises(TokenKeyError, match=r"^the store holds tokens that are not encrypted, although") as raised:
        parse_token_keys(KEY).decrypt(CONTENT, "the store")
    assert "add ,plain to RECONCILER_TOKEN_KEY" in raised.value.detail
    migrating = parse_token_keys(f"{KEY},plain")
    assert migrating.decrypt(CONTENT, "the store") == CONTENT
    assert migrating.encrypt(CONTENT) != CONTENT


def test_an_encrypted_document_is_refused_without_a_key_and_decrypted_for_good_if_that_is_said() -> None:
    stored = parse_token_keys(KEY).encrypt(CONTENT)
    with pytest.raises(TokenKeyError, match="holds encrypted tokens, but RECONCILER_TOKEN_KEY has no key"):
        parse_token_keys("").decrypt(stored, "the store")
    migrating = parse_token_keys(f"plain,{KEY}")
    assert migrating.encrypt(migrating.decrypt(stored, "the store")) == CONTENT


def test_a_new_key_encrypts_while_the_old_one_decrypts() -> None:
    stored = parse_token_keys(OTHER).encrypt(CONTENT)
    cipher = parse_token_keys(f"{KEY}, {OTHER}")
    assert cipher.decrypt(stored, "the store") == CONTENT
    assert parse_token_keys(KEY).decrypt(cipher.encrypt(CONTENT), "the store") == CONTENT


def test_a_wrong_key_and_a_damaged_document_are_different_errors() -> None:
    stored = parse_token_keys(KEY).encrypt(CONTENT)
    with pytest.raises(TokenKeyError, match="is encrypted with another key than the one in RECONCILER_TOKEN_KEY"):
        parse_token_keys(OTHER).decrypt(stored, "the store")
    for position in range(len("reconciler-encrypted/1"), len(stored) - 1):
        other = b"0" if stored[position : position + 1] != b"0" else b"1"
        damaged = stored[:position] + other + stored[position + 1 :]
        with pytest.raises(
            TokenKeyError, match=r"^the store holds encrypted tokens that are damaged, or were changed$"
        ):
            parse_token_keys(KEY).decrypt(damaged, "the store")
    for cut in (stored[:-10], stored[:30], stored * 2):
        with pytest.raises(TokenKeyError, match="damaged"):
            parse_token_keys(KEY).decrypt(cut, "the store")


def test_a_changed_document_with_a_right_checksum_is_refused() -> None:
    import hashlib  # noqa: PLC0415 - as an attacker

    stored = parse_token_keys(KEY).encrypt(CONTENT)
    prefix, key_id, content, _ = stored.split(b".")
    changed = bytearray(base64.b64decode(content))
    changed[20] ^= 1
    line = b".".join((prefix, key_id, base64.b64encode(bytes(changed))))
    with pytest.raises(TokenKeyError, match="damaged, or were changed"):
        parse_token_keys(KEY).decrypt(line + b"." + hashlib.sha256(line).hexdigest()[:16].encode(), "the store")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("correct horse battery staple", "is no key in base64"),
        ("c2hvcnQ=", "is shorter than 32 bytes"),
        (base64.b64encode(b"a" * 32).decode(), "is not random"),
        (",", "is shorter than 32 bytes"),
        (",".join([KEY] * 9), "has more than 8 keys"),
        ("é" * 44, "is no key in base64"),
    ],
)
def test_a_key_is_32_random_bytes(text: str, message: str) -> None:
    with pytest.raises(TargetError) as raised:
        parse_token_keys(text)
    assert raised.value.summary == f"RECONCILER_TOKEN_KEY {message}"
    assert text.strip(",") == "" or text not in str(raised.value.detail)


def test_a_key_may_be_in_hex_or_url_safe() -> None:
    key = os.urandom(48)
    stored = parse_token_keys(base64.b64encode(key).decode()).encrypt(CONTENT)
    for text in (key.hex(), base64.urlsafe_b64encode(key).decode()):
        assert parse_token_keys(text).decrypt(stored, "the store") == CONTENT


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from reconciler.errors import TargetError
from reconciler.oauth.encryption import parse_token_keys
assert parse_token_keys("").encrypt(b"x") == b"x"
try:
    parse_token_keys(sys.argv[1]).encrypt(b"x")
except TargetError as exc:
    print(exc.summary, exc.detail, sep="|")
"""


def test_without_the_library_there_is_one_clear_error_and_only_if_a_key_is_set() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, KEY], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "RECONCILER_TOKEN_KEY is set, but the library that encrypts tokens is not installed (cryptography)|"
        "Install it: pip install --require-hashes -r requirements/oauth.lock\n"
    )
