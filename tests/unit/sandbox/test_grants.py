from pathlib import Path

from reconciler.sandbox import admin
from reconciler.sandbox.grants import SECRET_LIFE, Grants
from reconciler.sandbox.seed import reset, seed
from reconciler.sandbox.store import Store


def test_the_client_is_made_once_and_outlives_a_reset(state: Path) -> None:
    client = admin.read_oauth_client(state)
    assert client.client_id.startswith("SCIM.")
    seed(state, {"users": []})
    reset(state)
    assert admin.read_oauth_client(state) == client


def test_a_new_secret_replaces_the_old_one(state: Path) -> None:
    admin.register_redirect_uris(state, ["https://example.com/cb"])
    first = admin.read_oauth_client(state)
    admin.advance_clock(state, days=10)
    second = admin.renew_client_secret(state)
    assert (second.client_id, second.redirect_uris) == (first.client_id, ("https://example.com/cb",))
    assert second.secret != first.secret
    assert 9 * 86_400 < second.secret_expires - first.secret_expires < 11 * 86_400


def test_a_secret_lasts_for_a_year(store: Store) -> None:
    assert abs(Grants(store).get_client().secret_expires - store.now().timestamp() - SECRET_LIFE) < 60


def test_a_family_is_revoked_without_the_others(store: Store) -> None:
    grants = Grants(store)
    families = []
    for _ in range(2):
        code = grants.find_code(grants.issue_code("https://example.com", None))
        assert code is not None
        families.append(grants.use_code(code))
    tokens = [grants.issue_access_token(family, 60) for family in families]
    grants.revoke(families[0])
    found = [grants.find_access_token(token) for token in tokens]
    assert [token is not None and token.revoked for token in found] == [True, False]
    assert len(grants.list_connections()) == 1
