from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import pytest
from support.fleet_results import COMMIT, RUN

from reconciler.errors import TargetError
from reconciler.fleet.result import TenantResult
from reconciler.scim.secret import Secret
from reconciler.scim.token_source import FixedToken
from reconciler.session.fleet import tokens
from reconciler.session.fleet.tokens import (
    SharedTokenError,
    TokenGate,
    TokenRegistry,
    admit_tokens,
    check_fleet_tokens,
    compute_token_check,
    find_token_check,
    install_gate,
    refuse_shared_tokens,
)

CANARY = "c4nary-Token-0f-acme"


@pytest.fixture(autouse=True)
def no_gate() -> Iterator[None]:
    yield
    tokens._gates.clear()


def gate(registry: TokenRegistry, tenant: str, seen: list[bytes] | None = None) -> TokenGate:
    def ask(digest: bytes) -> str:
        if seen is not None:
            seen.append(digest)
        return registry.admit(tenant, digest)

    return TokenGate(tenant, registry.key, ask)


def test_two_tenants_with_one_token_are_refused() -> None:
    registry = TokenRegistry()
    gate(registry, "acme").admit(Secret(CANARY))
    gate(registry, "acme").admit(Secret(CANARY))  # again, after it failed
    gate(registry, "beta").admit(Secret("another"))
    with pytest.raises(SharedTokenError) as raised:
        gate(registry, "gamma").admit(Secret(CANARY))
    assert raised.value.summary == "this tenant has the same token as acme"


def test_no_token_leaves_its_process() -> None:
    seen: list[bytes] = []
    registry = TokenRegistry()
    gate(registry, "acme", seen).admit(Secret(CANARY))
    gate(TokenRegistry(), "acme", seen).admit(Secret(CANARY))
    first, second = seen
    assert first != second  # a key of the run
    assert len(first) == 32
    assert CANARY not in repr((seen, vars(registry)))


def test_a_secret_cannot_be_sent_to_another_process() -> None:
    with pytest.raises(TypeError, match="never handed to another process"):
        pickle.dumps(Secret(CANARY))


def test_a_token_is_asked_about_once() -> None:
    seen: list[bytes] = []
    one = gate(TokenRegistry(), "acme", seen)
    one.admit(Secret(CANARY))
    one.admit(Secret(CANARY))
    one.admit(Secret("renewed"))
    assert len(seen) == 2


@pytest.mark.parametrize("error", [EOFError, BrokenPipeError, ConnectionResetError])
def test_without_a_parent_nothing_is_sent(error: Callable[[], Exception]) -> None:
    def ask(_digest: bytes) -> str:
        raise error()

    with pytest.raises(TargetError, match="the process that runs the fleet has ended"):
        TokenGate("acme", b"key", ask).admit(Secret(CANARY))


class Renewing(FixedToken):
    def renew(self, rejected: Secret) -> Secret | None:
        return None if rejected.reveal() == "renewed" else Secret("renewed")


def test_tokens_go_through_the_gate_of_the_process() -> None:
    source = Renewing(Secret(CANARY), "RECONCILER_TOKEN_DIR")
    assert admit_tokens(source) is source
    registry, seen = TokenRegistry(), list[bytes]()
    install_gate(gate(registry, "acme", seen))
    found = admit_tokens(source)
    assert (found.current().reveal(), found.advice, len(seen)) == (CANARY, source.advice, 1)
    renewed = found.renew(found.current())
    assert renewed is not None
    assert (renewed.reveal(), found.renew(renewed), len(seen)) == ("renewed", None, 2)
    gate(registry, "beta").admit(Secret("stolen"))
    with pytest.raises(SharedTokenError):
        admit_tokens(FixedToken(Secret("stolen"))).current()


@pytest.mark.parametrize(
    ("tenants", "environment", "refused"),
    [
        (2, {"RECONCILER_TOKEN": CANARY}, True),
        (1, {"RECONCILER_TOKEN": CANARY}, False),
        (2, {"RECONCILER_TOKEN": CANARY, "RECONCILER_TOKEN_DIR": "/tokens"}, False),
        (2, {"RECONCILER_TOKEN": " "}, False),
        (2, {}, False),
    ],
)
def test_one_token_in_the_environment_is_for_one_tenant(
    tenants: int, environment: dict[str, str], refused: bool
) -> None:
    if not refused:
        check_fleet_tokens(tenants, environment)
        return
    with pytest.raises(SharedTokenError) as raised:
        check_fleet_tokens(tenants, environment)
    assert raised.value.summary == "RECONCILER_TOKEN is one token for 2 tenants"
    assert CANARY not in raised.value.detail


def test_one_token_store_is_for_one_tenant() -> None:
    shared, own = {"RECONCILER_TOKEN_STORE": "file:/tokens"}, {"RECONCILER_TOKEN_STORE": "file:/tokens/{tenant}"}
    check_fleet_tokens(1, shared)
    check_fleet_tokens(2, own)
    check_fleet_tokens(2, {**shared, "RECONCILER_TOKEN_DIR": "/tokens"})  # not of tenants by OAuth
    with pytest.raises(SharedTokenError, match="RECONCILER_TOKEN_STORE is one place for the tokens of 2 tenants"):
        check_fleet_tokens(2, shared)


# --- the check in a result ----------------------------------------------------------------------


def test_a_check_is_of_one_token_at_one_address_and_commit() -> None:
    def check(token: str = CANARY, address: str = "https://a.example/scim", commit: str = "c" * 40) -> str | None:
        return compute_token_check(Secret(token), address, commit)

    assert check() == check() == "74f5436a9077"
    assert len({check(), check("x" + CANARY), check(address="https://b.example/scim"), check(commit="d" * 40)}) == 4
    assert check("x" * 19) is None, "it could be guessed"


def test_a_token_that_is_renewed_has_no_check() -> None:
    assert find_token_check() is None
    install_gate(gate(TokenRegistry(), "acme"))
    admit_tokens(FixedToken(Secret(CANARY))).current()
    assert find_token_check() is None
    admit_tokens(FixedToken(Secret("another token, also long")), "https://a.example/scim").current()
    assert find_token_check() == compute_token_check(Secret("another token, also long"), "https://a.example/scim", "")


def test_a_token_that_was_refused_has_no_check() -> None:
    registry = TokenRegistry()
    gate(registry, "acme").admit(Secret(CANARY))
    install_gate(gate(registry, "beta"))
    with pytest.raises(SharedTokenError):
        admit_tokens(FixedToken(Secret(CANARY)), "https://a.example/scim").current()
    assert find_token_check() is None


def test_two_tenants_with_one_check_are_refused() -> None:
    def results(*checks: str | None) -> list[TenantResult]:
        return [TenantResult(f"t{n}", "plan", COMMIT, RUN, 0, token_check=each) for n, each in enumerate(checks)]

    refuse_shared_tokens(results("a" * 12, None, "b" * 12, None))
    with pytest.raises(SharedTokenError) as raised:
        refuse_shared_tokens(results("a" * 12, None, "a" * 12))
    assert raised.value.summary == "tenants t0 and t2 have the same token"
    assert "a" * 12 not in raised.value.detail
    assert '`reconciler fleet retry DIR…`, or on GitHub "Re-run all jobs"' in raised.value.detail
