from typing import Any

import pytest

from reconciler.desired import schema
from reconciler.desired.state_digest import compute_digest

FILES = {"settings.yaml": "1", "users/a.yaml": "2"}
TARGET = {"profile": "scim", "base_url": "https://example.com/scim"}


def digest(files: dict[str, str] | None = None, **settings: Any) -> str:
    return compute_digest(files or FILES, schema.Settings.model_validate({"target": TARGET, **settings}))


def test_the_bytes_of_settings_do_not_count_but_those_of_other_files_do() -> None:
    assert digest({**FILES, "settings.yaml": "3"}) == digest()
    assert digest({**FILES, "users/a.yaml": "3"}) != digest()
    assert digest({**FILES, "users/b.yaml": "2"}) != digest()
    assert digest(dict(reversed(FILES.items()))) == digest()


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({"ownership": 'userType eq "x"'}, True),
        ({"target": {**TARGET, "domains": ["example.com"]}}, True),
        ({"target": {**TARGET, "tenant": "acme"}}, True),
        ({"target": {**TARGET, "auth": "oauth"}}, True),
        ({"target": {**TARGET, "auth": "token"}}, False),
        ({"target": {**TARGET, "token_expires": "2027-01-01"}}, False),
        ({"notifications": {"on_drift": ["webhook:json"]}}, False),
    ],
)
def test_what_counts(settings: dict[str, Any], counts: bool) -> None:
    assert (digest(**settings) != digest()) == counts
