from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import TargetError
from reconciler.oauth.encryption import TokenCipher, TokenKeyError, parse_token_keys
from reconciler.oauth.file_store import FileStore, TokenStoreError
from reconciler.oauth.token_document import TokenBinding, TokenDocument, TokenDocumentError, build_token_document
from reconciler.oauth.token_store import TokenStore, parse_token_store
from reconciler.scim.secret import Secret

KEY = base64.b64encode(bytes(range(32))).decode()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BINDING = TokenBinding("SCIM.1", "https://auth.example/token", "https://scim.example")


def document() -> TokenDocument:
    return build_token_document(BINDING, Secret("acc-s3cret"), Secret("ref-s3cret"), timedelta(hours=1), asked=NOON)


class Forgetful:
    """Says that it stores, and answers with what it had."""

    name = "the store"

    def __init__(self, kept: bytes | None) -> None:
        self.kept = kept

    def read(self) -> bytes | None:
        return self.kept

    def write(self, content: bytes) -> None:
        pass


def test_a_document_comes_back(tmp_path: Path) -> None:
    store = parse_token_store({"RECONCILER_TOKEN_STORE": f"file:{tmp_path}/tokens"})
    assert store.load() is None
    store.save(document())
    found = store.load()
    assert found is not None
    assert [token.reveal() for token in found.tokens] == ["acc-s3cret", "ref-s3cret"]


def test_with_a_key_the_file_shows_nothing(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    environment = {"RECONCILER_TOKEN_STORE": f"file:{tmp_path}/tokens", "RECONCILER_TOKEN_KEY": KEY}
    parse_token_store(environment).save(document())
    assert b"s3cret" not in (tmp_path / "tokens").read_bytes()
    found = parse_token_store(environment).load()
    assert found is not None
    assert found.access_token.reveal() == "acc-s3cret"
    with pytest.raises(TokenKeyError):
        parse_token_store({**environment, "RECONCILER_TOKEN_KEY": ""}).load()


@pytest.mark.parametrize("kept", [None, b"old"])
def test_a_store_that_does_not_return_what_was_stored_is_an_error(kept: bytes | None) -> None:
    with pytest.raises(TokenStoreError, match="does not return what was just stored"):
        TokenStore(Forgetful(kept), TokenCipher()).save(document())


def test_a_damaged_document_names_the_store(tmp_path: Path) -> None:
    FileStore(tmp_path / "tokens").write(b"{")
    with pytest.raises(TokenDocumentError, match=f"^the token store {tmp_path}/tokens holds no valid JSON"):
        TokenStore(FileStore(tmp_path / "tokens"), parse_token_keys("")).load()


def test_a_command_is_split_without_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "a store.py"
    script.write_text("import sys; print('{}' if sys.argv[1:] == ['a b', '$HOME', 'get'] else sys.argv)")
    store = parse_token_store({"RECONCILER_TOKEN_STORE": f"cmd:{sys.executable} '{script}' 'a b' $HOME"})
    with pytest.raises(TokenDocumentError, match="holds no token document of the format"):
        store.load()


def test_a_home_directory_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_token_store({"RECONCILER_TOKEN_STORE": "file:~/tokens"}).name == f"the token store {tmp_path}/tokens"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not set, or has another form"),
        ("/tokens", "is not set, or has another form"),
        ("file:", "is file: without a place"),
        ("cmd: ", "is cmd: without a place"),
        ("vault:x", "is neither file: nor cmd:"),
        ("file:tokens", "needs the whole path of a file"),
        ("file:/", "needs the whole path of a file"),
        ("file:/tmp/..", "needs the whole path of a file"),
        ("cmd:a 'b", "has a command that cannot be split into words: No closing quotation"),
        ("cmd:#", None),
    ],
)
def test_another_form_is_an_error_with_a_next_step(text: str, message: str | None) -> None:
    if message is None:
        assert parse_token_store({"RECONCILER_TOKEN_STORE": text}).name == "the token store (command #)"
        return
    with pytest.raises(TargetError) as raised:
        parse_token_store({"RECONCILER_TOKEN_STORE": text})
    assert raised.value.summary == f"RECONCILER_TOKEN_STORE {message}"
    assert raised.value.detail


def test_a_tenant_has_a_place_of_its_own(tmp_path: Path) -> None:
    environment = {"RECONCILER_TOKEN_STORE": f"file:{tmp_path}/{{tenant}}/tokens"}
    parse_token_store(environment, "acme").save(document())
    assert (tmp_path / "acme" / "tokens").exists()
    assert parse_token_store(environment, "beta").load() is None


def test_the_command_of_a_store_gets_the_name_of_the_tenant(tmp_path: Path) -> None:
    script = tmp_path / "store.py"
    script.write_text(f"import sys; open({str(tmp_path / 'said')!r}, 'w').write(repr(sys.argv[1:]))")
    store = parse_token_store({"RECONCILER_TOKEN_STORE": f"cmd:{sys.executable} {script} 'a/{{tenant}} b'"}, "acme")
    assert store.load() is None
    assert (tmp_path / "said").read_text() == "['a/acme b', 'get']"


@pytest.mark.parametrize("tenant", [None, "..", "a b", "a\n", ""])
@pytest.mark.parametrize("text", ["file:/tokens/{tenant}", "cmd:get {tenant}"])
def test_a_place_for_each_tenant_needs_to_know_which(tenant: str | None, text: str) -> None:
    with pytest.raises(TargetError) as raised:
        parse_token_store({"RECONCILER_TOKEN_STORE": text}, tenant)
    assert raised.value.summary == (
        "RECONCILER_TOKEN_STORE has {tenant}, but the settings do not say which tenant this is"
    )
